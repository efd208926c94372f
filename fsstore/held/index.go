package held

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/internal/tree"
)

// digestIndex leads from a digest to a key. It is a hint: the meta of that key is read each time.
// It is empty until someone asks by digest.
type digestIndex struct {
	mu   sync.Mutex
	keys map[[32]byte]string
	next time.Time // not listed again before
}

// OpenDigest opens the blob of an artifact that is held and has this digest, 64
// lower-case hex digits. Anything else is fs.ErrNotExist, a blob that no meta
// names among it. What another server has published since the last listing may
// be absent for some seconds.
func (s *Cache) OpenDigest(digest string) (*Artifact, *os.File, error) {
	if !IsDigest(digest) {
		return nil, nil, &fs.PathError{Op: "open", Path: "blobs", Err: fs.ErrNotExist}
	}
	a, f, err := s.openKnown(digest)
	if errors.Is(err, fs.ErrNotExist) && s.listDigests() {
		a, f, err = s.openKnown(digest)
	}
	return a, f, err
}

// openKnown opens the blob that the index leads to.
func (s *Cache) openKnown(digest string) (*Artifact, *os.File, error) {
	s.digests.mu.Lock()
	k := s.digests.keys[DigestBytes(digest)]
	s.digests.mu.Unlock()
	if k == "" {
		return nil, nil, &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
	}
	a, err := s.artifactToServe(k)
	if err == nil && a.SHA256 != digest {
		err = &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := s.openWhole(a)
	return a, f, err
}

// listDigests reads every meta, and reports whether it did. It does not where that was done a
// moment ago, because strangers who ask for what is not there must not keep the server busy.
func (s *Cache) listDigests() bool {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	began := time.Now()
	if began.Before(s.digests.next) {
		return false
	}
	keys, buf := map[[32]byte]string{}, make([]byte, 16<<10)
	err := s.tree.EachNames("meta", func(names []string) error {
		for _, name := range names {
			if k, ok := strings.CutSuffix(name, ".json"); ok {
				b, err := s.ReadMeta(name, buf)
				if d := DigestIn(b); err == nil && d != "" {
					keys[DigestBytes(d)] = k
				}
			}
		}
		return nil
	})
	s.health.Complain("by digest", err)
	s.digests.keys = keys
	s.digests.next = time.Now().Add(max(5*time.Second, 20*time.Since(began)))
	return true
}

// AddDigest adds what this process has just published, if anyone asks by digest.
func (s *Cache) AddDigest(digest, k string) {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	if s.digests.keys != nil {
		s.digests.keys[DigestBytes(digest)] = k
	}
}

// DigestBytes returns the bytes of a digest in hex, for maps.
func DigestBytes(s string) (sum [32]byte) {
	hex.Decode(sum[:], []byte(s)[:min(len(s), 64)])
	return sum
}

// DigestIn returns the digest in a meta's text, or "". It decodes nothing else, because walks over
// all of meta/ need no more.
func DigestIn(b []byte) string {
	var m struct {
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(b, &m) != nil || !IsDigest(m.SHA256) {
		return ""
	}
	return m.SHA256
}

// ReadMeta reads meta/<name> into buf where that is large enough, because a walk over all of meta/
// would make much garbage.
func (s *Cache) ReadMeta(name string, buf []byte) ([]byte, error) {
	f, size, err := tree.OpenSized(s.tree.Path("meta", name), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > int64(len(buf)) {
		return tree.Slurp(f, maxMeta)
	}
	n, err := io.ReadFull(f, buf[:size])
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil // it got shorter
	}
	return buf[:n], err
}
