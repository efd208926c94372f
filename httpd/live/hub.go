package live

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// Hub hints to every open page that a directory has changed; the page fetches
// itself again. It watches the store's view once for all of them, and nothing
// without a page.
//
// Its messages are events of a text/event-stream:
//
//	<directory>  something in it has changed: misses, queue, …
//	hits         artifacts were served
//	summary      the header line, as HTML
//	beat         the stream lives
type Hub struct {
	view    *fsstore.View
	header  func() (string, error)
	errs    *answer.Log
	mu      sync.Mutex
	streams map[*stream]bool
	wake    chan struct{} // the first stream has come
	ended   chan struct{} // closed when the server stops; nil before it begins
	summary []byte        // as it was told last
	served  atomic.Bool   // an artifact was hit since pages were told
	turn    atomic.Int64  // counts what makes a part of a page old
	parts   parts
}

// stream is one open page.
type stream struct {
	c     chan []byte
	ended <-chan struct{}
}

const (
	// often is the least time between hints, so that a page doesn't fetch itself
	// more often while many changes come one after the other.
	often = 700 * time.Millisecond
	// together is how long the first change waits for those that come with it.
	together = 100 * time.Millisecond
	// seldom is the least time between hints at hits, which come all the time.
	seldom = 5 * time.Second
	// backlog is how many messages a reader may owe. One that owes more is hinted at
	// everything once instead.
	backlog = 64
	// beats keep proxies from closing the stream, and tell a page that woke up
	// whether it still has one.
	beats = 10 * time.Second
	// sums is how often the header line is looked at: it says what is wrong, and
	// when it is over.
	sums = 2 * time.Second
	// maxStreams bounds the memory that pages take: about 40 KiB each.
	maxStreams = 2000
)

// New returns a hub that watches view. It calls header for the header line of the pages, as HTML,
// every now and then while there is a stream.
func New(view *fsstore.View, header func() (string, error), errs *answer.Log) *Hub {
	return &Hub{
		view: view, header: header, errs: errs,
		streams: map[*stream]bool{}, wake: make(chan struct{}, 1),
	}
}

// Served tells open pages that an artifact was hit.
func (h *Hub) Served() { h.served.Store(true) }

// Changed makes what Share keeps old before the view knows of a change: who has just done
// something sees it.
func (h *Hub) Changed() { h.turn.Add(1) }

// join returns nil when there are too many.
func (h *Hub) join() *stream {
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

func (h *Hub) leave(st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, st)
}

// Streams returns how many pages are open.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// tell hands a message to every stream and waits for none.
func (h *Hub) tell(message []byte) {
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
			for dir := range everything { // room was made, and only tell fills it
				st.c <- event(dir, "")
			}
		}
	}
}

// event returns one message of a stream: each line of its text is a data field.
func event(name, text string) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString("data: " + strings.TrimRight(line, "\r") + "\n")
	}
	b.WriteString("\n")
	return b.Bytes()
}

var beat = event("beat", "")

// Begin returns the call that serves streams until ctx ends, and then ends them. It comes
// before the first answer: a stream that joined earlier would not know when that call ends.
func (h *Hub) Begin() (run func(ctx context.Context)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended := make(chan struct{})
	h.ended = ended
	return func(ctx context.Context) { h.run(ctx, ended) }
}

func (h *Hub) run(ctx context.Context, ended chan struct{}) {
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
func (h *Hub) watch(ctx context.Context) {
	changes, end := h.view.Subscribe()
	defer end()
	tick := time.NewTicker(together)
	defer tick.Stop()
	changed := map[string]bool{} // directories
	var hinted, hit, beaten, summed time.Time
	for h.Streams() > 0 {
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			changed[c.Dir] = true
			continue
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(hit) > seldom && h.served.Swap(false) {
			changed["hits"], hit = true, now
		}
		if len(changed) > 0 && now.Sub(hinted) > often {
			h.hint(changed)
			clear(changed)
			hinted, summed = now, time.Time{}
		}
		if now.Sub(summed) > sums {
			h.tellSummary()
			summed = now
		}
		if now.Sub(beaten) > beats {
			h.tell(beat)
			beaten = now
		}
	}
}

// hint tells which directories have changed. What was made of them is old now.
func (h *Hub) hint(changed map[string]bool) {
	h.turn.Add(1)
	for dir := range changed {
		h.tell(event(dir, ""))
	}
}

func (h *Hub) tellSummary() {
	header, err := h.header()
	if err != nil {
		h.errs.Error("the header line can't be rendered", err)
		return
	}
	if message := event("summary", header); !bytes.Equal(message, h.summary) {
		h.summary = message
		h.tell(message)
	}
}
