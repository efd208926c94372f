package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch"
)

// TestSchedules: threat 16. An origin cuts, changes and lies by a random schedule,
// and the worker dies and comes back between attempts: what is held in the end
// is one of the origin's versions, whole, or nothing is. The worker pool runs in
// this process, for a schedule is over in a few milliseconds.
func TestSchedules(t *testing.T) {
	p, row := begin(t, "16 a lying origin")
	n := size(300, 100_000)
	w := &whim{}
	w.Server = httptest.NewServer(w)
	defer w.Close()
	each(upTo(n), func(seed int) {
		if why := p.schedule(row, w, uint64(seed)); why != "" {
			row.Errorf("schedule %d: %s", seed, why)
		}
		row.Tried("schedules", 1)
	})
}

// whim is an origin that does as the seed in the path says, with its own state
// for each.
type whim struct {
	*httptest.Server
	mu    sync.Mutex
	moods map[uint64]*mood
}

type mood struct {
	mu      sync.Mutex
	r       *rand.Rand
	version int
	asked   int
}

func (w *whim) of(seed uint64) *mood {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moods == nil {
		w.moods = map[uint64]*mood{}
	}
	if w.moods[seed] == nil {
		w.moods[seed] = &mood{r: rand.New(rand.NewPCG(seed, 16))}
	}
	return w.moods[seed]
}

// versionOf is what the whim serves under a seed at one time: all of one length
// where the seed is even.
func versionOf(seed uint64, version int) []byte {
	longer := uint64(version) * 100 * (seed % 2)
	return body(fmt.Sprintf("/%d/%d-%d", 2000+seed%3000+longer, seed, version), version)
}

func (w *whim) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	seed, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".bin"), 10, 64)
	m := w.of(seed)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	b := versionOf(seed, m.version)
	tag := etag(b)
	from := 0
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	dice := m.r.IntN(12)
	switch {
	case m.asked > 25: // honest in the end
		dice = 100
	case dice == 0 && m.version < 2: // it changes half-way
		m.version++
		rw.Header().Set("Etag", tag)
		rw.Header().Set("Content-Length", strconv.Itoa(len(b)))
		rw.Write(b[:len(b)/3])
		panic(http.ErrAbortHandler)
	case dice == 1:
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	case dice == 2: // a weak validator, and a cut
		tag = "W/" + tag
	case dice == 3: // other bytes under the name of a range
		rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from/2, len(b)-1, len(b)))
		rw.Header().Set("Etag", tag)
		rw.WriteHeader(http.StatusPartialContent)
		rw.Write(b[from/2:])
		return
	case dice == 4: // If-Range is ignored: the range of another version, under its own tag
		b = versionOf(seed, (m.version+1)%3)
		rw.Header().Set("Etag", etag(b))
		from = min(from, len(b)-1)
		rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
		rw.WriteHeader(http.StatusPartialContent)
		rw.Write(b[from:])
		return
	case dice == 5:
		rw.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	case dice == 6: // says nothing of its tag
		tag = ""
	}
	if tag != "" {
		rw.Header().Set("Etag", tag)
	}
	cut := rw
	if dice < 10 {
		cut = &cutting{rw, m.r.IntN(len(b))}
	}
	http.ServeContent(cut, r, "", time.Time{}, strings.NewReader(string(b)))
}

// cutting breaks the connection after n bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	if len(b) > c.left {
		c.ResponseWriter.Write(b[:c.left])
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(b)
	return c.ResponseWriter.Write(b)
}

// schedule fetches one URL by a pool that is stopped at random, and says what
// is wrong with the end of it.
func (p *program) schedule(row *Row, w *whim, seed uint64) string {
	l := p.labOn(row, fmt.Sprintf("%s/%d", p.memory, seed)) // no fsync is at stake here
	defer l.close()
	defer os.RemoveAll(l.data)
	url := fmt.Sprintf("%s/%d.bin", w.URL, seed)
	for v := range 3 {
		l.known.Bodies[url] += " " + digest(versionOf(seed, v))
	}
	l.add(url)
	s := l.open()
	r := rand.New(rand.NewPCG(seed, 17))
	held := func() bool {
		_, err := s.Lookup(url)
		return err == nil && !l.exists("queue/*") && !l.exists("active/*")
	}
	for n := range 80 {
		lasts := time.Duration(r.Int64N(int64(20 * time.Millisecond)))
		if n > 40 {
			lasts = 3 * time.Second // a machine may be busy
		}
		attempt(row, s, lasts, held)
		l.hurry(s)
		l.retry(s)
		if held() {
			l.known.Settled = true
			break
		}
	}
	if !l.known.Settled {
		return "an origin that is honest in the end, and nothing is held: " + l.ls()
	}
	return strings.Join(append(l.judge(), fsckLines(s)...), "; ")
}

// attempt lets a pool work for a while, or until it is done, and stops it.
func attempt(row *Row, s *fsstore.Store, lasts time.Duration, done func() bool) {
	pool, err := fetch.New(s, fetch.Options{
		AllowOrigin: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Workers: 1,
		Backoff: 1, MaxBackoff: 1, Interval: 2 * time.Millisecond,
	})
	row.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), lasts+2*time.Millisecond)
	defer cancel()
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for ctx.Err() == nil && !done() {
			time.Sleep(2 * time.Millisecond)
		}
		cancel()
	})
	pool.Run(ctx)
	watcher.Wait()
}
