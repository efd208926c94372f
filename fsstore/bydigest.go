package fsstore

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// digestIndex leads from a digest to a key. It is a hint: what counts is the
// meta of that key, looked at each time. Until someone asks by digest it is
// empty.
type digestIndex struct {
	mu   sync.Mutex
	keys map[[32]byte]string
	next time.Time // not listed again before
}

// OpenDigest opens the blob of an artifact that is held and has this digest, 64
// lower-case hex digits. Anything else is fs.ErrNotExist, a blob that no meta
// names among it. What another server has published since the last listing may
// be absent for some seconds.
func (s *Store) OpenDigest(digest string) (*Artifact, *os.File, error) {
	if !IsDigest(digest) {
		return nil, nil, &fs.PathError{Op: "open", Path: "blobs", Err: fs.ErrNotExist}
	}
	a, f, err := s.openKnown(digest)
	if errors.Is(err, fs.ErrNotExist) && s.listDigests() {
		a, f, err = s.openKnown(digest)
	}
	return a, f, err
}

func (s *Store) openKnown(digest string) (*Artifact, *os.File, error) {
	s.digests.mu.Lock()
	k := s.digests.keys[digestBytes(digest)]
	s.digests.mu.Unlock()
	if k == "" {
		return nil, nil, &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
	}
	a, err := s.legible(k)
	if err == nil && a.SHA256 != digest {
		err = &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := s.openWhole(a)
	return a, f, err
}

// listDigests reads every meta, unless that was done a moment ago: strangers
// ask for what is not there, and must not keep the server busy with it.
func (s *Store) listDigests() bool {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	began := time.Now()
	if began.Before(s.digests.next) {
		return false
	}
	keys, buf := map[[32]byte]string{}, make([]byte, 16<<10)
	err := s.eachNames("meta", func(names []string) error {
		for _, name := range names {
			if k, ok := strings.CutSuffix(name, ".json"); ok {
				b, err := s.readMeta(name, buf)
				if d := namedDigest(b); err == nil && d != "" {
					keys[digestBytes(d)] = k
				}
			}
		}
		return nil
	})
	s.complain("by digest", err)
	s.digests.keys = keys
	s.digests.next = time.Now().Add(max(5*time.Second, 20*time.Since(began)))
	return true
}

// knows adds what this process has just published, if anyone asks by digest.
func (d *digestIndex) knows(digest, k string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys != nil {
		d.keys[digestBytes(digest)] = k
	}
}
