package held

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/internal/tree"
)

// index leads from a digest to a key, and from a basename to keys. It is a hint, because the meta
// of the key is read each time. It is empty until someone asks by digest or by name.
type index struct {
	mu       sync.Mutex
	byDigest map[[32]byte]string
	byName   map[string][]string
	next     time.Time // not listed again before
}

// add adds an artifact of which the digest and the redacted URL are known.
func (x *index) add(k, digest, url string) {
	x.byDigest[DigestBytes(digest)] = k
	const most = 10 * MaxByName // because some may be gone when they are asked for
	if name := basenameOf(url); name != "" && len(x.byName[name]) < most {
		x.byName[name] = append(x.byName[name], k)
	}
}

// basenameOf returns the last segment of a URL's path, decoded where it can be, "" where there is
// none.
func basenameOf(rawURL string) string {
	path, _, _ := strings.Cut(rawURL, "?")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if decoded, err := url.PathUnescape(name); err == nil {
		return decoded
	}
	return name
}

// OpenDigest opens the blob of an artifact that is held and has this digest, 64 lower-case hex
// digits. Anything else is fs.ErrNotExist, also a blob that no meta names. What another server has
// published since the last listing may be absent for some seconds.
func (s *Cache) OpenDigest(digest string) (*Artifact, *os.File, error) {
	if !IsDigest(digest) {
		return nil, nil, &fs.PathError{Op: "open", Path: "blobs", Err: fs.ErrNotExist}
	}
	a, f, err := s.openKnown(digest)
	if errors.Is(err, fs.ErrNotExist) && s.listIndex() {
		a, f, err = s.openKnown(digest)
	}
	return a, f, err
}

// openKnown opens the blob that the index leads to.
func (s *Cache) openKnown(digest string) (*Artifact, *os.File, error) {
	s.index.mu.Lock()
	k := s.index.byDigest[DigestBytes(digest)]
	s.index.mu.Unlock()
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

// listIndex reads every meta, and reports whether it did. It does nothing for some seconds after
// the last time, because strangers who ask for what is not there must not keep the server busy.
func (s *Cache) listIndex() bool {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	began := time.Now()
	if began.Before(s.index.next) {
		return false
	}
	found := index{byDigest: map[[32]byte]string{}, byName: map[string][]string{}}
	buf := make([]byte, 16<<10)
	err := s.tree.EachNames("meta", func(names []string) error {
		for _, name := range names {
			if k, ok := strings.CutSuffix(name, ".json"); ok {
				b, err := s.ReadMeta(name, buf)
				if d, url := digestAndURL(b); err == nil && d != "" {
					found.add(k, d, url)
				}
			}
		}
		return nil
	})
	s.health.Complain("by digest", err)
	s.index.byDigest, s.index.byName = found.byDigest, found.byName
	s.index.next = time.Now().Add(max(5*time.Second, 20*time.Since(began)))
	return true
}

// Index adds what this process has just published, if the index is in use.
func (s *Cache) Index(a *Artifact) {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if s.index.byDigest != nil {
		s.index.add(a.Key, a.SHA256, a.URL)
	}
}

// ByName returns the artifacts that are held whose URL's path ends in this basename,
// percent-encoding decoded, sorted by key, at most MaxByName. What another server has published may
// be absent for some seconds.
func (s *Cache) ByName(name string) []*Artifact {
	s.listIndex()
	s.index.mu.Lock()
	keys := slices.Compact(slices.Sorted(slices.Values(s.index.byName[name])))
	s.index.mu.Unlock()
	var found []*Artifact
	for _, k := range keys {
		a, err := s.artifactToServe(k)
		if err == nil && basenameOf(a.URL) == name && s.HasBlob(a.SHA256, a.Size) {
			found = append(found, a)
		}
		if len(found) == MaxByName {
			break
		}
	}
	return found
}

// MaxByName is how many artifacts ByName returns at most.
const MaxByName = 100

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
