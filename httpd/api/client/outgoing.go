package client

import (
	"io"
	"sync"
	"time"

	"fromcache/fsstore"
)

// slowest is how long the bytes that are put may take to come.
const slowest = 30 * 24 * time.Hour

// outgoing is what is put. It fails unless it has its size, because net/http would let the first
// bytes of a file that has grown pass for the whole.
type outgoing struct {
	from     io.Reader
	size     int64 // -1: unknown
	have     int64
	progress func(have int64) error
	postpone postpone

	mu  sync.Mutex // the transport may still read when its answer has come
	err error
}

// Read reads on, unless progress ends it.
func (o *outgoing) Read(b []byte) (int, error) {
	o.postpone(slowest) // it is not the server that is waited for
	n, err := o.from.Read(b)
	o.have += int64(n)
	o.postpone(patience)
	switch {
	case err == io.EOF && o.size >= 0 && o.have != o.size, o.size >= 0 && o.have >= o.size && o.more():
		err = &fsstore.NotWhole{Have: o.have, Size: o.size}
	case err != nil && err != io.EOF:
		err = &fsstore.NotWhole{Have: o.have, Size: o.size, Err: err}
	}
	if failed := o.progress(o.have); failed != nil {
		err = failed
	}
	if err == io.EOF || o.have == o.size {
		o.postpone(putPatience)
	}
	if err != nil && err != io.EOF {
		o.mu.Lock()
		o.err = err
		o.mu.Unlock()
		return 0, err
	}
	return n, err
}

// more reports whether bytes come after the last that were to come, and counts them.
func (o *outgoing) more() bool {
	var next [1]byte
	n, _ := io.ReadFull(o.from, next[:])
	o.have += int64(n)
	return n > 0
}

// failure is why the reading ended, but for its end.
func (o *outgoing) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
