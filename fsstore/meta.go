package fsstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/renameio/v2"
)

// maxMeta bounds what is read of one meta file; ours are about 1 KiB.
const maxMeta = 1 << 20

// maxCached artifacts of about 2 KiB each stay in memory; reading one again
// costs 15 µs.
const maxCached = 2_000

// maxHistory is how many earlier versions a meta remembers.
const maxHistory = 10

// Lookup finds the artifact held for rawURL: its meta exists, was fetched for this
// very URL by the rules that hold now, and its blob is there with the size that meta says. Anything else is
// fs.ErrNotExist; a URL that has no key is key.ErrBadURL. A file removed from
// meta/ is a miss at the next call: what is kept in memory is compared with
// the file each time.
func (s *Store) Lookup(rawURL string) (*Artifact, error) {
	a, err := s.named(rawURL)
	if err == nil {
		err = s.checkBlob(a)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Open is Lookup, and opens the blob: what it returns has the size that meta
// says.
func (s *Store) Open(rawURL string) (*Artifact, *os.File, error) {
	a, err := s.named(rawURL)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.openWhole(a)
	return a, f, err
}

// openWhole opens an artifact's blob if it has the size that meta says.
func (s *Store) openWhole(a *Artifact) (*os.File, error) {
	f, size, err := openSized(s.path("blobs", a.SHA256), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) && s.bringBack(a.SHA256) == nil {
		f, size, err = openSized(s.path("blobs", a.SHA256), os.O_RDONLY)
	}
	if err == nil && size == a.Size {
		return f, nil
	}
	if err == nil {
		f.Close()
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || unreadable(err) {
		err = s.broken(a)
	}
	return nil, err
}

// named looks at meta alone.
func (s *Store) named(rawURL string) (*Artifact, error) {
	u, err := s.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	a, err := s.heldAs(u)
	return a, s.toServe(u.Key(), err)
}

// legible is Artifact to those who only serve: a meta whose bytes are not to be
// had (the disk is bad, or only root may read it) is a miss to them.
func (s *Store) legible(k string) (*Artifact, error) {
	a, err := s.Artifact(k)
	return a, s.toServe(k, err)
}

func (s *Store) toServe(k string, err error) error {
	if err == nil || !unreadable(err) {
		return err
	}
	s.sometimes("meta", func() {
		s.log.Error("a meta that can't be read is not served: run fromcache fsck", "key", k, "err", err)
	})
	return fmt.Errorf("%w: %v", errIllegible, err) // its kind is not passed on: it would say that the tree can't be written
}

// errIllegible is absence to those who serve.
var errIllegible error = absence("it can't be read")

// unreadable reports whether err is of one file, whose bytes are not to be had.
func unreadable(err error) bool { return errors.Is(err, fs.ErrPermission) || spoilt(err) }

// Artifact reads the artifact of one key. A malformed meta reads as absent
// and is logged; one that can't be read is an error.
func (s *Store) Artifact(k string) (*Artifact, error) {
	a, _, err := s.metas.look(k + ".json")
	return a, err
}

// checkBlob: one stat, so that a meta without its blob (an rsync half-way, a
// rotten disk, a restore that only root can read) is a miss and never a broken
// promise. A blob that gc has taken out comes back: its meta came back, or both
// are a backup that was made meanwhile.
func (s *Store) checkBlob(a *Artifact) error {
	if s.HasBlob(a.SHA256, a.Size) || s.bringBack(a.SHA256) == nil && s.HasBlob(a.SHA256, a.Size) {
		return nil
	}
	return s.broken(a)
}

func (s *Store) broken(a *Artifact) error {
	s.sometimes("blob", func() {
		s.log.Error("an artifact whose blob is missing or can't be read is not served: run fromcache fsck", "key", a.Key)
	})
	return fmt.Errorf("blobs/%s: %w", a.SHA256, errors.Join(ErrCorrupt, fs.ErrNotExist))
}

// errMalformed is absence to a reader and a finding to fsck.
var errMalformed error = absence("malformed")

// readArtifact reads meta/<name>.
func (s *Store) readArtifact(name string) (*Artifact, error) {
	path, k := s.path("meta", name), strings.TrimSuffix(name, ".json")
	b, err := readFile(path, maxMeta)
	if err != nil {
		return nil, err
	}
	a := &Artifact{Key: k}
	if err := a.decode(b); err != nil {
		s.sometimes("malformed meta", func() {
			s.log.Error("a malformed meta is not served: run fromcache fsck", "key", k, "err", err)
		})
		return nil, fmt.Errorf("%s: %w: %w", path, errMalformed, err)
	}
	return a, nil
}

func (m *Meta) decode(b []byte) error {
	if err := json.Unmarshal(b, m); err != nil {
		return err
	}
	switch {
	case !IsDigest(m.SHA256):
		return errors.New("sha256 is not 64 lower-case hex digits")
	case !IsDigest(m.URLSum):
		return errors.New("url_sha256 is not 64 lower-case hex digits")
	case m.AskedSum != "" && !IsDigest(m.AskedSum):
		return errors.New("asked_sha256 is not 64 lower-case hex digits")
	case m.Size < 0:
		return errors.New("size is negative")
	}
	return nil
}

// encode is the file's content: indented, because people read it.
func (m *Meta) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(m)
	return b.Bytes(), err
}

// writeMeta is the commit of an artifact: the rename inside it, made durable
// by the fsync of meta/. A crash before the rename means nothing was
// published; after it, everything was.
func (s *Store) writeMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	err = renameio.WriteFile(s.path("meta", k+".json"), b, 0o660,
		renameio.WithTempDir(s.path("tmp", "")), renameio.WithStaticPermissions(0o660))
	if err != nil {
		return err
	}
	return syncDir(s.path("meta", ""))
}

// succeed carries the history of the version that m replaces.
func (m *Meta) succeed(old *Meta) {
	m.History = append([]Version{{old.SHA256, old.Size, old.Fetched, servedFields(old.Header), old.Ranges}}, old.History...)
	if len(m.History) > maxHistory {
		m.History = m.History[:maxHistory]
	}
}

// servedFields are the fields of an origin without which an earlier version could not
// be served as it was.
func servedFields(h map[string]string) map[string]string {
	served := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Encoding", "Last-Modified"} {
		if v := h[name]; v != "" {
			served[name] = v
		}
	}
	return served
}

func sumHex(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
