package held

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"

	"fromcache/fsstore/internal/tree"
)

// OnPublish has f called with the key of each artifact that this process publishes. It is for
// whoever keeps rows of meta/, and must come before the first artifact.
func (s *Cache) OnPublish(f func(k string)) { s.published = f }

// Index tells of what this process has just published.
func (s *Cache) Index(a *Artifact) {
	if s.published != nil {
		s.published(a.Key)
	}
}

// OpenKey opens the blob of the artifact of a key, if that has this digest now.
func (s *Cache) OpenKey(k, digest string) (*Artifact, *os.File, error) {
	a, err := s.ArtifactToServe(k)
	if err == nil && a.SHA256 != digest {
		err = &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := s.openWhole(a)
	return a, f, err
}

// OpenServed opens a blob that may be served, without a look at meta/, and returns its size in bytes.
// The error is fs.ErrNotExist also for one that is withheld or can't be read.
func (s *Cache) OpenServed(digest string) (*os.File, int64, error) {
	path := s.tree.Path("blobs", digest)
	if s.isWithheld(digest) {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	f, size, err := tree.OpenSized(path, os.O_RDONLY)
	if err != nil && Unreadable(err) {
		err = fmt.Errorf("%w: %v", ErrIllegible, err)
	}
	return f, size, err
}

// DigestBytes returns the bytes of a digest in hex, for maps.
func DigestBytes(s string) (sum [32]byte) {
	hex.Decode(sum[:], []byte(s)[:min(len(s), 64)])
	return sum
}

// DigestIn returns the digest in a meta's text, or "". It decodes nothing else, because walks over
// all of meta/ need no more.
func DigestIn(b []byte) string {
	digest, _ := digestAndURL(b)
	return digest
}

func digestAndURL(b []byte) (digest, url string) {
	var known Meta
	if scanMeta(b, &known, true) {
		return known.SHA256, known.URL
	}
	var m struct {
		URL    string `json:"url"`
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(b, &m) != nil || !IsDigest(m.SHA256) {
		return "", ""
	}
	return m.SHA256, m.URL
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
