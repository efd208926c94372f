package crowd

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// waits are requests that are held, and one watch for each artifact that they are for.
type waits struct {
	mu      sync.Mutex
	most    int
	held    int
	watches map[string]*watch // by the sum of the URL
}

// watch looks at the disk for all who wait for one artifact.
type watch struct {
	waiters int
	changed chan struct{} // closed when the artifact is no more queued or active
	quit    chan struct{} // closed when the last waiter leaves
	ended   chan struct{}
}

// Waiter is one held request.
type Waiter struct {
	Changed <-chan struct{} // is closed when the artifact is held, or queued and active no more
	leave   func()
}

// Leave ends the wait. It must be called once.
func (w *Waiter) Leave() { w.leave() }

// Wait has one more request wait for raw, which is queued or active. It returns nil where too many
// wait already, or raw is no URL.
func (c *Crowd) Wait(raw string) *Waiter {
	u, err := c.store.Parse(raw)
	if err != nil {
		return nil
	}
	s := &c.waits
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held >= s.most { //guard:httpd.TestHeldRequestsAreBounded
		return nil
	}
	s.held++
	w := s.watches[u.Sum()]
	if w == nil {
		w = &watch{changed: make(chan struct{}), quit: make(chan struct{}), ended: make(chan struct{})}
		s.watches[u.Sum()] = w
		go c.watch(w, raw, u)
	}
	w.waiters++
	return &Waiter{w.changed, func() { s.leave(w, u) }}
}

// Held returns how many requests wait.
func (c *Crowd) Held() int {
	c.waits.mu.Lock()
	defer c.waits.mu.Unlock()
	return c.waits.held
}

func (s *waits) leave(w *watch, u key.URL) {
	s.mu.Lock()
	s.held--
	w.waiters--
	last := w.waiters == 0
	if last {
		s.forget(w, u)
		close(w.quit)
	}
	s.mu.Unlock()
	if last {
		<-w.ended
	}
}

// forget has who comes next watch anew; the caller holds mu.
func (s *waits) forget(w *watch, u key.URL) {
	if s.watches[u.Sum()] == w {
		delete(s.watches, u.Sum())
	}
}

// lookEvery is how often a watch looks, if there are few; lookTogether is the time from one look of
// any watch to the next if there are many. A look reads the names in active/ and some files' states.
const (
	lookEvery    = 250 * time.Millisecond
	lookTogether = 2 * time.Millisecond
)

func (s *waits) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(lookEvery, time.Duration(len(s.watches))*lookTogether)
}

// watch ends when something has changed, or nobody waits any more.
func (c *Crowd) watch(w *watch, raw string, u key.URL) {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case <-time.After(c.waits.pause()):
		}
		if !c.isComing(raw) {
			c.waits.mu.Lock()
			c.waits.forget(w, u)
			c.waits.mu.Unlock()
			close(w.changed)
			return
		}
	}
}

// isComing reports whether an artifact is queued or active, and not held yet.
func (c *Crowd) isComing(raw string) bool {
	if _, err := c.store.Lookup(raw); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for range 2 { // a job may go from active/ back to queue/ between two looks
		if v, err := c.store.VerdictOf(raw); err == nil && IsComing(v) {
			return true
		}
	}
	return false
}

// IsComing reports whether what has this verdict may be held soon.
func IsComing(v fsstore.Verdict) bool {
	return v == fsstore.VerdictQueued || v == fsstore.VerdictActive
}
