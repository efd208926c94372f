package pages

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore"
)

// hub tells every open page what changed. It looks at the store's view for all
// of them: a row that changed is rendered once, and its bytes are shared by
// all streams, so that 200 pages cost little more than one. Without a page it
// does nothing.
//
// Its messages are events of a text/event-stream:
//
//	row      a row's HTML: put it in the place of the one with its id
//	gone     the id of a row
//	stale    a directory in which more changed than is sent row by row, or "all": get the page again
//	summary  the header line
//	beat     the stream lives
type hub struct {
	s       *Server
	mu      sync.Mutex
	streams map[*stream]bool
	wake    chan struct{} // the first stream has come
	ended   chan struct{} // closed when the server stops; nil before it begins
	last    []byte        // summary that was told last
	served  served
}

// served are the artifacts that were hit since a page was last told: the store's
// view lists what is in hits/ each half minute alone.
type served struct {
	mu   sync.Mutex
	keys map[string]bool // at most one more than is sent row by row
}

func (s *served) note(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]bool{}
	}
	if len(s.keys) <= rowByRow {
		s.keys[key] = true
	}
}

func (s *served) take() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.keys
	s.keys = nil
	return keys
}

// stream is one open page.
type stream struct {
	c     chan []byte
	ended <-chan struct{}
}

const (
	// together: changes that come within this time are one look at the disk.
	together = 150 * time.Millisecond
	// rowByRow: where more changes at once the page is got again.
	rowByRow = 60
	// backlog: messages that a slow reader may owe before it is told to get
	// the page again.
	backlog = 256
	// beats keep proxies from closing the stream, and tell a page that woke up
	// whether it still has one.
	beats = 10 * time.Second
	// sums: the header line says what is wrong, and when it is over.
	sums = 2 * time.Second
	// maxStreams bounds the memory that pages take: about 40 KiB each.
	maxStreams = 2000
)

func newHub(s *Server) *hub {
	return &hub{s: s, streams: map[*stream]bool{}, wake: make(chan struct{}, 1)}
}

// join returns nil when there are too many.
func (h *hub) join() *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxStreams { //guard:TestStreamsAreBounded
		return nil
	}
	st := &stream{make(chan []byte, backlog), h.ended}
	h.streams[st] = true
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return st
}

func (h *hub) leave(st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, st)
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// tell hands a message to every stream and waits for none: who owes too much
// forgets it all and is told to get the page again.
func (h *hub) tell(message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for st := range h.streams {
		select {
		case st.c <- message:
		default:
			for len(st.c) > 0 {
				select {
				case <-st.c:
				default:
				}
			}
			st.c <- staleAll // room was made, and only tell fills it
		}
	}
}

var staleAll, beat = event("stale", "all"), event("beat", "")

// event is one message of a stream: each line of its text is a data field.
func event(name, text string) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString("data: " + strings.TrimRight(line, "\r") + "\n")
	}
	b.WriteString("\n")
	return b.Bytes()
}

// begin comes before the first answer: a stream that joined earlier would not
// know when run ends.
func (h *hub) begin() (ended chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended = make(chan struct{})
	h.ended = ended
	return ended
}

// run serves streams until ctx ends, and then ends them.
func (h *hub) run(ctx context.Context, ended chan struct{}) {
	defer close(ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			h.watch(ctx)
		}
	}
}

// watch tells changes until the last stream has left.
func (h *hub) watch(ctx context.Context) {
	changes, end := h.s.view.Subscribe()
	defer end()
	tick := time.NewTicker(together)
	defer tick.Stop()
	changed := map[string][]string{} // by directory
	var beaten, summed time.Time
	for h.count() > 0 {
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			note(changed, c)
			continue
		case <-tick.C:
		}
		for key := range h.served.take() {
			note(changed, fsstore.Change{Dir: "hits", Name: key})
		}
		if len(changed) > 0 || time.Since(summed) > sums {
			h.tellRows(changed)
			h.tellSummary()
			clear(changed)
			summed = time.Now()
		}
		if time.Since(beaten) > beats {
			h.tell(beat)
			beaten = time.Now()
		}
	}
}

// note keeps names apart as long as they are few.
func note(changed map[string][]string, c fsstore.Change) {
	names := changed[c.Dir]
	switch {
	case len(names) > 0 && names[0] == "":
	case c.Name == "" || len(names) >= rowByRow:
		changed[c.Dir] = []string{""}
	case !slices.Contains(names, c.Name):
		changed[c.Dir] = append(names, c.Name)
	}
}

func (h *hub) tellRows(changed map[string][]string) {
	for dir, names := range changed {
		switch {
		case dir == "denied":
		case dir == "hits" && names[0] == "": // numbers that nobody waits for
		case names[0] == "":
			h.tell(event("stale", dir))
		default:
			for _, name := range names {
				h.tell(h.s.rowEvent(dir, name))
			}
		}
	}
}

func (h *hub) tellSummary() {
	sum := h.s.summary()
	sum.Free -= sum.Free % (64 << 20) // else it would be news each time
	message := h.s.rendered("summary", "summary", sum)
	if !bytes.Equal(message, h.last) {
		h.last = message
		h.tell(message)
	}
}

// rowEvent is what became of one file.
func (s *Server) rowEvent(dir, name string) []byte {
	switch dir {
	case "meta", "hits":
		name = strings.TrimSuffix(name, ".json")
		if a := s.artifactNow(name); a != nil {
			row := s.artifactRow(a)
			return s.rendered("row", "artifactRow", &row)
		}
		return event("gone", rowID("meta", name))
	case "misses":
		if j, ok := s.view.Job(fsstore.Misses, name); ok {
			row := s.missRow(&j)
			return s.rendered("row", "missRow", &row)
		}
	default:
		if j, ok := s.view.Job(fsstore.State(dir), name); ok {
			row := s.jobRow(&j)
			return s.rendered("row", "jobRow", &row)
		}
	}
	return event("gone", rowID(dir, name))
}

// artifactNow finds a row of the view by its key.
func (s *Server) artifactNow(k string) *fsstore.ArtifactRow {
	all := s.view.Artifacts()
	i, ok := slices.BinarySearchFunc(all, k, func(a *fsstore.ArtifactRow, k string) int { return strings.Compare(a.Key, k) })
	if !ok {
		return nil
	}
	return all[i]
}

func (s *Server) rendered(kind, template string, data any) []byte {
	var b bytes.Buffer
	if err := s.pages.Execute(&b, template, data); err != nil {
		s.errs.Error("a row can't be rendered", err)
		return staleAll
	}
	return event(kind, b.String())
}
