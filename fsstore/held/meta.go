package held

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// maxMeta is the most bytes that are read of one meta. Ours have about 1 KiB.
const maxMeta = 1 << 20

// maxCached is the most artifacts in memory, of about 2 KiB each. Reading one again takes 15 µs.
const maxCached = 2_000

// maxHistory is how many earlier versions a meta remembers.
const maxHistory = 10

// Lookup returns the artifact held for rawURL: its meta exists and was fetched for this very URL
// by the rules that hold now, and its blob has the size that meta says. Anything else is
// fs.ErrNotExist; a URL that has no key is key.ErrBadURL. A file removed from meta/ is a miss at
// the next call, because what is in memory is compared with the file each time.
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

// Open is Lookup, and opens the blob, too.
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
	if err == nil &&
		size == a.Size && //guard:cmd/fromcache-torture.TestRestore
		!s.isWithheld(a.SHA256) {
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

// findURL finds the artifact of a URL. It does not look at the blob.
func (s *Cache) findURL(rawURL string) (*Artifact, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	a, err := s.Find(u)
	return a, s.hideUnreadable(u.Key(), err)
}

// ArtifactToServe is Artifact for those who serve: a meta that can't be read is a miss.
func (s *Cache) ArtifactToServe(k string) (*Artifact, error) {
	a, err := s.Artifact(k)
	return a, s.hideUnreadable(k, err)
}

// hideUnreadable turns the error of a meta that can't be read into absence, and logs it.
func (s *Cache) hideUnreadable(k string, err error) error {
	if err == nil || !Unreadable(err) { //guard:fsstore.TestWhatCantBeReadIsAMiss
		return err
	}
	s.health.OnceAMinute("meta", func() {
		s.tree.Log.Error("a meta that can't be read is not served: run fromcache fsck",
			"key", k, "err", err)
	})
	// Use %v: with %w a permission error would be reported as an unwritable data directory.
	return fmt.Errorf("%w: %v", ErrIllegible, err)
}

// ErrIllegible is the error, and an fs.ErrNotExist, for what has a meta that can't be read.
var ErrIllegible error = tree.Absence("it can't be read")

// Unreadable reports whether err says that the bytes of one file can't be read.
func Unreadable(err error) bool { return errors.Is(err, fs.ErrPermission) || tree.IsDiskError(err) }

// Artifact reads the artifact of one key. A malformed meta is logged, and is ErrMalformed, which is
// an fs.ErrNotExist. One that can't be read is another error.
func (s *Cache) Artifact(k string) (*Artifact, error) {
	a, _, err := s.metas.Look(k + ".json")
	return a, err
}

// CheckBlob returns nil if a's blob exists with its size, in one stat, so that a meta without its
// blob (an rsync half-way, a restore that only root can read) is a miss. It restores a blob that
// gc has taken out, because the meta may have come back from a backup.
func (s *Cache) CheckBlob(a *Artifact) error {
	if s.HasBlob(a.SHA256, a.Size) {
		return nil
	}
	if s.RestoreBlob(a.SHA256) == nil && s.HasBlob(a.SHA256, a.Size) { //guard:TestLookupRestoresABlobThatGCTook
		return nil
	}
	return s.logMissingBlob(a)
}

// logMissingBlob logs that a's blob is missing or can't be read, and returns the error for it.
func (s *Cache) logMissingBlob(a *Artifact) error {
	s.health.OnceAMinute("blob", func() {
		s.tree.Log.Error("an artifact whose blob is missing or can't be read is not served: "+
			"run fromcache fsck", "key", a.Key)
	})
	return fmt.Errorf("blobs/%s: %w", a.SHA256, errors.Join(ErrCorrupt, fs.ErrNotExist))
}

// ErrMalformed is the error, and an fs.ErrNotExist, for a meta that does not parse. fsck reports
// it.
var ErrMalformed error = tree.Absence("malformed")

// IsMetaName reports whether a name in meta/ is that of a meta.
func IsMetaName(name string) bool { return strings.HasSuffix(name, ".json") }

// ReadArtifact reads meta/<name>.
func (s *Cache) ReadArtifact(name string) (*Artifact, error) {
	b, err := tree.ReadFile(s.tree.Path("meta", name), maxMeta)
	if err != nil {
		return nil, err
	}
	return s.artifactOf(name, b)
}

// artifactOf returns the artifact of meta/<name>, whose text is b. The error of one that is
// malformed is logged.
func (s *Cache) artifactOf(name string, b []byte) (*Artifact, error) {
	a := &Artifact{Key: strings.TrimSuffix(name, ".json")}
	if err := a.decode(b); err != nil {
		return nil, s.logMalformed(name, err)
	}
	return a, nil
}

func (s *Cache) logMalformed(name string, err error) error {
	s.health.OnceAMinute("malformed meta", func() {
		s.tree.Log.Error("a malformed meta is not served: run fromcache fsck",
			"key", strings.TrimSuffix(name, ".json"), "err", err)
	})
	return fmt.Errorf("%s: %w: %w", s.tree.Path("meta", name), ErrMalformed, err)
}

func (m *Meta) decode(b []byte) error { return m.decodeAs(b, false) }

// decodeAs is decode. With brief the fields that a Brief has not may stay empty.
func (m *Meta) decodeAs(b []byte, brief bool) error {
	if scanMeta(b, m, brief) {
		return nil
	}
	*m = Meta{}
	if err := json.Unmarshal(b, m); err != nil {
		return err
	}
	switch {
	case !IsDigest(m.SHA256): //guard:FuzzMeta
		return errors.New("sha256 is not 64 lower-case hex digits")
	case !IsDigest(m.URLSum): //guard:FuzzMeta
		return errors.New("url_sha256 is not 64 lower-case hex digits")
	case m.AskedSum != "" && !IsDigest(m.AskedSum): //guard:FuzzMeta
		return errors.New("asked_sha256 is not 64 lower-case hex digits")
	case m.Size < 0: //guard:FuzzMeta
		return errors.New("size is negative")
	}
	return nil
}

// encode returns the file's content, indented because people read it.
func (m *Meta) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(m)
	return b.Bytes(), err
}

// WriteMeta commits an artifact, by the rename of meta/<k>.json and the fsync of meta/. A crash
// before the rename leaves nothing published.
func (s *Cache) WriteMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	if err := s.tree.Replace(b, s.tree.Path("meta", k+".json")); err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path("meta", "")) //guard:fsstore/active.TestEachStepIsSynced
}

// AddHistory puts old, which m replaces, and its history into m's. What m has already, because it
// was held elsewhere, comes in between by its time.
func (m *Meta) AddHistory(old *Meta) {
	brought := m.History
	v := Version{old.SHA256, old.Size, old.Fetched, servedFields(old.Header), old.Ranges}
	m.History = append([]Version{v}, old.History...)
	for _, v := range brought {
		if !m.Replaced(v.SHA256) {
			m.History = append(m.History, v)
		}
	}
	if len(brought) > 0 {
		slices.SortStableFunc(m.History, func(a, b Version) int { return b.Fetched.Compare(a.Fetched) })
	}
	if len(m.History) > maxHistory { //guard:TestMetaKeepsTenVersions
		m.History = m.History[:maxHistory]
	}
}

// servedFields picks the header fields that an earlier version is served with.
func servedFields(h map[string]string) map[string]string {
	served := map[string]string{}
	for _, name := range []string{
		"Content-Type", "Content-Disposition", "Content-Encoding", "Last-Modified",
	} {
		if v := h[name]; v != "" {
			served[name] = v
		}
	}
	return served
}

// SumHex returns a SHA-256 as blobs are named.
func SumHex(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

// WriteNewMeta is WriteMeta, but it replaces nothing: fs.ErrExist if there is a meta by now.
func (s *Cache) WriteNewMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err == nil {
		err = s.tree.WriteNew(string(b), s.tree.Path("meta", k+".json"), true)
	}
	if err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path("meta", "")) //guard:fsstore/active.TestEachStepIsSynced
}

// Holds reports whether u is held.
func (s *Cache) Holds(u key.URL) bool {
	a, err := s.Find(u)
	return err == nil && s.CheckBlob(a) == nil
}
