package fetch

import (
	"io"
	"sync"
	"time"
)

const (
	// ringSize is what may be read ahead: some milliseconds of a fast network, so that reading, hashing and writing overlap.
	ringSize = 4 << 20
	// pieceSize is the most that is written at once: system calls cost nothing then, and the ring is soon free again.
	pieceSize = 1 << 20
)

// ring carries the body from the goroutine that reads it to the one that writes it. The writer gets what is there, at once:
// little from a slow origin, whose part grows as it comes, and large pieces when it is the writer who is slow.
type ring struct {
	mu     sync.Mutex
	change sync.Cond
	buf    []byte
	read   int64 // bytes that came in
	taken  int64 // bytes that were given out and came back
	err    error // of the last Read
	closed bool
	ended  chan struct{} // closed when the goroutine has
}

// readAhead begins to read. stop must make a Read of body return; it is called when none brought a byte for idle. Time in
// which nobody reads, because the disk is slow, doesn't count.
func readAhead(body io.Reader, idle time.Duration, stop func(error)) *ring {
	r := &ring{buf: make([]byte, ringSize), ended: make(chan struct{})}
	r.change.L = &r.mu
	go r.fill(body, idle, stop)
	return r
}

func (r *ring) fill(body io.Reader, idle time.Duration, stop func(error)) {
	defer close(r.ended)
	watchdog := time.AfterFunc(idle, func() { stop(errIdle) })
	defer watchdog.Stop()
	for {
		room := r.room()
		if room == nil {
			return
		}
		watchdog.Reset(idle)
		n, err := body.Read(room)
		watchdog.Stop()
		if r.put(n, err); err != nil {
			return
		}
	}
}

// room waits for a free stretch. nil: the ring is closed.
func (r *ring) room() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.read-r.taken == ringSize && !r.closed {
		r.change.Wait()
	}
	if r.closed {
		return nil
	}
	at := r.read % ringSize
	return r.buf[at:min(ringSize, at+ringSize-(r.read-r.taken))]
}

func (r *ring) put(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read += int64(n)
	r.err = err
	r.change.Signal()
}

// next waits for bytes and returns some. They stay as they are until done is called. When all have been given out it
// returns the error that ended the body.
func (r *ring) next() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.read == r.taken {
		if r.err != nil {
			return nil, r.err
		}
		r.change.Wait()
	}
	at := r.taken % ringSize
	return r.buf[at:min(ringSize, at+min(r.read-r.taken, pieceSize))], nil
}

// done frees the n bytes that next returned.
func (r *ring) done(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken += int64(n)
	r.change.Signal()
}

// close waits for the goroutine, which ends once a Read under way has returned.
func (r *ring) close() {
	r.mu.Lock()
	r.closed = true
	r.change.Signal()
	r.mu.Unlock()
	<-r.ended
}
