package held

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// Handle looks up one URL that is asked for again and again. It keeps what no file can change: the
// URL's key, its paths and the artifact that was found last. Each lookup compares that with the
// files, as Cache.Lookup does. Any goroutine may use it.
type Handle struct {
	cache *Cache
	raw   string
	url   key.URL
	sum   string // of url
	key   string // of url
	name  string // of the meta under today's key
	meta  string // its path
	old   string // path of the meta under the key of earlier servers
	found atomic.Pointer[foundMeta]
}

// foundMeta is an artifact that was found under today's key.
type foundMeta struct {
	tree.Identity // of its meta
	artifact      *Artifact
}

// Handle returns a Handle for rawURL, and false where its key depends on files, because it has a
// query, or where it is no URL.
func (s *Cache) Handle(rawURL string) (*Handle, bool) {
	u, err := s.queries.Parse(rawURL)
	if err != nil || strings.Contains(rawURL, "?") {
		return nil, false
	}
	k := u.Key()
	return &Handle{
		cache: s, raw: rawURL, url: u, sum: u.Sum(), key: k,
		name: k + ".json", meta: s.metas.Dir + k + ".json", old: s.metas.Dir + u.OldKey() + ".json",
	}, true
}

// URL returns the URL as it was asked for.
func (h *Handle) URL() string { return h.raw }

// Names returns the URL, normalised, its Sum and its Key.
func (h *Handle) Names() (u key.URL, sum, k string) { return h.url, h.sum, h.key }

// Lookup is Cache.Lookup of the handle's URL.
func (h *Handle) Lookup() (*Artifact, error) {
	a, err := h.find()
	if err == nil {
		err = h.cache.CheckBlob(a)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Open is Cache.Open of the handle's URL. The caller closes the Blob.
func (h *Handle) Open() (*Artifact, Blob, error) {
	a, err := h.find()
	if err != nil {
		return nil, Blob{}, err
	}
	b, err := h.cache.openBare(a)
	return a, b, err
}

func (h *Handle) find() (*Artifact, error) {
	s := h.cache
	f := h.found.Load()
	var st unix.Stat_t
	err := unix.Lstat(h.meta, &st)
	switch {
	case f == nil && err == unix.ENOENT && unix.Lstat(h.old, &st) == unix.ENOENT:
		return nil, fs.ErrNotExist // a URL without a query has no other keys
	case f != nil && err == nil &&
		f.Identity == tree.Identify(&st): //guard:TestHandleSeesEachChange
		return f.artifact, nil
	}
	h.found.Store(nil)
	a, err := s.Find(h.url)
	if err == nil {
		h.remember(a)
	}
	return a, s.hideUnreadable(h.key, err)
}

// remember keeps a where it is found under today's key, and no file but its meta says that its bytes
// are the URL's.
func (h *Handle) remember(a *Artifact) {
	row, ok := h.cache.metas.Get(h.name)
	asked := a.AskedURL()
	if ok && row.Value == a && a.URLSum == h.sum && !a.putByOldServer() &&
		!strings.Contains(asked, "?") && !strings.HasSuffix(asked, "...") {
		h.found.Store(&foundMeta{row.Identity, a})
	}
}

// Blob is the open file of a blob. It is a bare descriptor, because an *os.File is registered with
// the poller of the runtime first, which a regular file has no use for.
type Blob struct{ fd int }

// Fd returns the descriptor.
func (b Blob) Fd() int { return b.fd }

// Close closes the file.
func (b Blob) Close() error { return unix.Close(b.fd) }

// openBare is openWhole for a Blob.
func (s *Cache) openBare(a *Artifact) (Blob, error) {
	fd, err := unix.Open(s.tree.Path("blobs", a.SHA256), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == a.Size && !s.isWithheld(a.SHA256) {
			return Blob{fd}, nil
		}
		unix.Close(fd) //nolint:errcheck // nothing was written
	}
	f, err := s.openWhole(a) // which mends and logs
	if err != nil {
		return Blob{}, err
	}
	defer f.Close()
	fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return Blob{}, errors.Join(errNoDescriptor, err)
	}
	return Blob{fd}, nil
}

var errNoDescriptor = errors.New("a blob can't be opened")
