package held

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

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
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
func (s *Cache) Lookup(rawURL string) (*Artifact, error) {
	a, err := s.findURL(rawURL)
	if err == nil {
		err = s.CheckBlob(a)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Open is Lookup, and opens the blob: what it returns has the size that meta
// says.
func (s *Cache) Open(rawURL string) (*Artifact, *os.File, error) {
	a, err := s.findURL(rawURL)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.openWhole(a)
	return a, f, err
}

// openWhole opens an artifact's blob if it has the size that meta says.
func (s *Cache) openWhole(a *Artifact) (*os.File, error) {
	f, size, err := tree.OpenSized(s.tree.Path("blobs", a.SHA256), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) && s.RestoreBlob(a.SHA256) == nil {
		f, size, err = tree.OpenSized(s.tree.Path("blobs", a.SHA256), os.O_RDONLY)
	}
	if err == nil && size == a.Size && !s.isWithheld(a.SHA256) {
		return f, nil
	}
	if err == nil {
		f.Close()
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || Unreadable(err) {
		err = s.logMissingBlob(a)
	}
	return nil, err
}

// findURL looks at meta alone.
func (s *Cache) findURL(rawURL string) (*Artifact, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	a, err := s.Find(u)
	return a, s.hideUnreadable(u.Key(), err)
}

// artifactToServe is Artifact to those who only serve: a meta whose bytes are not to be
// had (the disk is bad, or only root may read it) is a miss to them.
func (s *Cache) artifactToServe(k string) (*Artifact, error) {
	a, err := s.Artifact(k)
	return a, s.hideUnreadable(k, err)
}

func (s *Cache) hideUnreadable(k string, err error) error {
	if err == nil || !Unreadable(err) { //guard:fsstore.TestWhatCantBeReadIsAMiss
		return err
	}
	s.health.Sometimes("meta", func() {
		s.tree.Log.Error("a meta that can't be read is not served: run fromcache fsck", "key", k, "err", err)
	})
	return fmt.Errorf("%w: %v", ErrIllegible, err) // its kind is not passed on: it would say that the tree can't be written
}

// ErrIllegible is absence to those who serve.
var ErrIllegible error = tree.Absence("it can't be read")

// Unreadable reports whether err is of one file, whose bytes are not to be had.
func Unreadable(err error) bool { return errors.Is(err, fs.ErrPermission) || tree.Spoilt(err) }

// Artifact reads the artifact of one key. A malformed meta reads as absent
// and is logged; one that can't be read is an error.
func (s *Cache) Artifact(k string) (*Artifact, error) {
	a, _, err := s.metas.Look(k + ".json")
	return a, err
}

// CheckBlob: one stat, so that a meta without its blob (an rsync half-way, a
// rotten disk, a restore that only root can read) is a miss and never a broken
// promise. A blob that gc has taken out comes back: its meta came back, or both
// are a backup that was made meanwhile.
func (s *Cache) CheckBlob(a *Artifact) error {
	if s.HasBlob(a.SHA256, a.Size) || s.RestoreBlob(a.SHA256) == nil && s.HasBlob(a.SHA256, a.Size) {
		return nil
	}
	return s.logMissingBlob(a)
}

func (s *Cache) logMissingBlob(a *Artifact) error {
	s.health.Sometimes("blob", func() {
		s.tree.Log.Error("an artifact whose blob is missing or can't be read is not served: run fromcache fsck", "key", a.Key)
	})
	return fmt.Errorf("blobs/%s: %w", a.SHA256, errors.Join(ErrCorrupt, fs.ErrNotExist))
}

// ErrMalformed is absence to a reader and a finding to fsck.
var ErrMalformed error = tree.Absence("malformed")

// IsMetaName reports whether a name in meta/ is that of a meta.
func IsMetaName(name string) bool { return strings.HasSuffix(name, ".json") }

// ReadArtifact reads meta/<name>.
func (s *Cache) ReadArtifact(name string) (*Artifact, error) {
	path, k := s.tree.Path("meta", name), strings.TrimSuffix(name, ".json")
	b, err := tree.ReadFile(path, maxMeta)
	if err != nil {
		return nil, err
	}
	a := &Artifact{Key: k}
	if err := a.decode(b); err != nil {
		s.health.Sometimes("malformed meta", func() {
			s.tree.Log.Error("a malformed meta is not served: run fromcache fsck", "key", k, "err", err)
		})
		return nil, fmt.Errorf("%s: %w: %w", path, ErrMalformed, err)
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

// WriteMeta is the commit of an artifact: the rename inside it, made durable
// by the fsync of meta/. A crash before the rename means nothing was
// published; after it, everything was.
func (s *Cache) WriteMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	err = renameio.WriteFile(s.tree.Path("meta", k+".json"), b, 0o660,
		renameio.WithTempDir(s.tree.Path("tmp", "")), renameio.WithStaticPermissions(0o660))
	if err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path("meta", "")) //guard:fsstore/active.TestEachStepIsSynced
}

// AddHistory carries the history of the version that m replaces.
func (m *Meta) AddHistory(old *Meta) {
	m.History = append([]Version{{old.SHA256, old.Size, old.Fetched, servedFields(old.Header), old.Ranges}}, old.History...)
	if len(m.History) > maxHistory { //guard:fsstore/active.TestHistoryKeepsTen
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

func SumHex(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

func (s *Cache) WriteNewMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err == nil {
		err = s.tree.PublishNew(string(b), s.tree.Path("meta", k+".json"), true)
	}
	if err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path("meta", ""))
}

func (s *Cache) Holds(u key.URL) bool {
	a, err := s.Find(u)
	return err == nil && s.CheckBlob(a) == nil
}
