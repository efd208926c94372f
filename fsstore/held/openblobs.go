package held

import (
	"sync"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/changes"
)

// maxOpen is how many blobs stay open for the next answer. That is a part of the descriptors that
// the server leaves for others than connections and their answers.
const maxOpen = 64

// openBlobs are blobs that stay open for one Moment, in which they are what was opened and checked:
// to open, check and close a file costs a sixth of an answer of 64 KiB. At its end they are closed, so
// that the bytes of one that is removed are free within a second.
type openBlobs struct {
	mu    sync.Mutex
	at    changes.Moment // of all that are known
	ended changes.Moment // the last one that has
	known map[string]*openBlob
}

// openBlob is a descriptor that several answers may use at once, each with an offset of its own.
type openBlob struct {
	of    *openBlobs
	fd    int
	size  int64
	users int // openBlobs is one
}

// use returns an open blob of that size, whose Close gives it back.
func (o *openBlobs) use(now changes.Moment, digest string, size int64) (Blob, bool) {
	if now == 0 {
		return Blob{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.known[digest]
	if o.at != now || b == nil || b.size != size { //guard:TestOpenBlobsAreLetGo
		return Blob{}, false
	}
	b.users++
	return Blob{b.fd, b}, true
}

// keep keeps what was opened in a Moment for the next answers, if there is room, and returns it for
// this one.
func (o *openBlobs) keep(now changes.Moment, digest string, size int64, fd int) Blob {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now > o.at {
		o.letGo()
		o.at = now
	}
	if now != o.at || now <= o.ended || len(o.known) >= maxOpen || o.known[digest] != nil {
		return Blob{fd: fd}
	}
	if o.known == nil {
		o.known = map[string]*openBlob{}
	}
	b := &openBlob{o, fd, size, 2}
	o.known[digest] = b
	return Blob{fd, b}
}

// end closes all that no answer uses any more; those that one does are closed after it.
func (o *openBlobs) end(m changes.Moment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = m
	o.letGo()
}

// letGo forgets all; the caller holds mu.
func (o *openBlobs) letGo() {
	for _, b := range o.known {
		_ = b.release()
	}
	clear(o.known)
}

// release takes one user away; the caller holds mu.
func (b *openBlob) release() error {
	if b.users--; b.users > 0 {
		return nil
	}
	return unix.Close(b.fd)
}

func (b *openBlob) close() error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	return b.release()
}
