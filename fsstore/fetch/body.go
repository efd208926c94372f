package fetch

import (
	"io"
	"time"
)

// Reading, hashing and writing overlap: the reader fills one buffer while the part hashes and writes another. More than four
// bring nothing, and 1 MiB makes the system calls cheap.
const (
	bufferSize = 1 << 20
	buffers    = 4
)

// linger is how long bytes wait for a buffer to fill: the part of a slow download should grow as it comes.
const linger = 250 * time.Millisecond

// chunk is what came since the last one. With err it is the last.
type chunk struct {
	b   []byte
	err error
}

// reader reads ahead of its user. A buffer is always in one place: in free, with the goroutine, in full, or with the user.
type reader struct {
	free chan []byte
	full chan chunk
}

// readAhead begins to read. stop must make a Read of body return; it is called when none brought a byte for idle. Time in
// which nobody reads, because the disk is slow, doesn't count.
func readAhead(body io.Reader, idle time.Duration, stop func(error)) *reader {
	r := &reader{free: make(chan []byte, buffers), full: make(chan chunk, buffers)}
	for range buffers {
		r.free <- make([]byte, bufferSize)
	}
	go r.read(body, idle, stop)
	return r
}

func (r *reader) read(body io.Reader, idle time.Duration, stop func(error)) {
	defer close(r.full)
	watchdog := time.AfterFunc(idle, func() { stop(errIdle) })
	defer watchdog.Stop()
	for buf := range r.free {
		n, err := fill(body, buf, idle, watchdog)
		r.full <- chunk{buf[:n], err}
		if err != nil {
			return
		}
	}
}

func fill(body io.Reader, buf []byte, idle time.Duration, watchdog *time.Timer) (n int, err error) {
	var first time.Time
	for n < len(buf) && err == nil {
		var m int
		watchdog.Reset(idle)
		m, err = body.Read(buf[n:])
		watchdog.Stop()
		n += m
		switch now := time.Now(); {
		case m == 0:
		case first.IsZero():
			first = now
		case now.Sub(first) > linger:
			return n, err
		}
	}
	return n, err
}

// done gives a buffer back.
func (r *reader) done(c chunk) { r.free <- c.b[:cap(c.b)] }

// close waits for the goroutine, which ends once a Read under way has returned.
func (r *reader) close() {
	close(r.free)
	for range r.full {
	}
}
