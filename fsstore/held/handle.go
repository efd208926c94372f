package held

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/changes"
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
	blob  atomic.Uint64 // changes.Moment in which the artifact's blob was found
}

// foundMeta is what was found under today's key, or, in a Moment, that there is nothing.
type foundMeta struct {
	at            changes.Moment // zero: it is compared with the file
	tree.Identity                // of its meta
	artifact      *Artifact      // nil: not held
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
	now := h.cache.changes.Now()
	a, err := h.find(now)
	switch {
	case err != nil:
		return nil, err
	case now != 0 && h.blob.Load() == uint64(now) && !h.cache.isWithheld(a.SHA256):
		return a, nil
	}
	if err = h.cache.CheckBlob(a); err != nil {
		return nil, err
	}
	h.blob.Store(uint64(now))
	return a, nil
}

// Open is Cache.Open of the handle's URL. The caller closes the Blob.
func (h *Handle) Open() (*Artifact, Blob, error) {
	now := h.cache.changes.Now()
	a, err := h.find(now)
	if err != nil {
		return nil, Blob{}, err
	}
	b, err := h.cache.openBare(now, a)
	return a, b, err
}

// OpenBare is Open for whoever sends the bytes by sendfile(2). The caller closes the Blob.
func (s *Cache) OpenBare(rawURL string) (*Artifact, Blob, error) {
	now := s.changes.Now()
	a, err := s.findURL(rawURL)
	if err != nil {
		return nil, Blob{}, err
	}
	b, err := s.openBare(now, a)
	return a, b, err
}

// find looks at no file where nothing has changed since it did.
func (h *Handle) find(now changes.Moment) (*Artifact, error) {
	f := h.found.Load()
	if f == nil || now == 0 || f.at != now { //guard:TestHandleSeesEachChange
		return h.look(now, f)
	}
	if f.artifact == nil {
		return nil, fs.ErrNotExist
	}
	return f.artifact, nil
}

// look is find by the files. Its f is what was found before.
func (h *Handle) look(now changes.Moment, f *foundMeta) (*Artifact, error) {
	s := h.cache
	had := f != nil && f.artifact != nil
	var st unix.Stat_t
	err := unix.Lstat(h.meta, &st)
	switch {
	case !had && err == unix.ENOENT && unix.Lstat(h.old, &st) == unix.ENOENT:
		h.keep(&foundMeta{at: now})
		return nil, fs.ErrNotExist // a URL without a query has no other keys
	case had && err == nil &&
		f.Identity == tree.Identify(&st): //guard:TestHandleSeesEachChange
		h.keep(&foundMeta{now, f.Identity, f.artifact})
		return f.artifact, nil
	}
	h.found.Store(nil)
	a, err := s.Find(h.url)
	if err == nil {
		h.remember(now, a)
	}
	return a, s.hideUnreadable(h.key, err)
}

// keep keeps what was found in a Moment.
func (h *Handle) keep(f *foundMeta) {
	if f.at != 0 {
		h.found.Store(f)
	}
}

// remember keeps a where it is found under today's key, and no file but its meta says that its bytes
// are the URL's.
func (h *Handle) remember(now changes.Moment, a *Artifact) {
	row, ok := h.cache.metas.Get(h.name)
	asked := a.AskedURL()
	if ok && row.Value == a && a.URLSum == h.sum && !a.putByOldServer() &&
		!strings.Contains(asked, "?") && !strings.HasSuffix(asked, "...") {
		h.found.Store(&foundMeta{now, row.Identity, a})
	}
}

// Blob is the open file of a blob. It is a bare descriptor, because an *os.File is registered with
// the poller of the runtime first, which a regular file has no use for.
type Blob struct {
	fd     int
	shared *openBlob // nil: it is this one's alone
}

// Fd returns the descriptor, which others may use, too: read from it at an offset.
func (b Blob) Fd() int { return b.fd }

// Close closes the file.
func (b Blob) Close() error {
	if b.shared != nil {
		return b.shared.close()
	}
	return unix.Close(b.fd)
}

// openBare is openWhole for a Blob.
func (s *Cache) openBare(now changes.Moment, a *Artifact) (Blob, error) {
	if s.isWithheld(a.SHA256) {
		return s.openMended(a)
	}
	if b, ok := s.open.use(now, a.SHA256, a.Size); ok {
		return b, nil
	}
	fd, err := unix.Open(s.tree.Path("blobs", a.SHA256), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == a.Size {
			return s.open.keep(now, a.SHA256, a.Size, fd), nil
		}
		unix.Close(fd) //nolint:errcheck // nothing was written
	}
	return s.openMended(a)
}

// openMended opens what gc has taken, and logs what is missing.
func (s *Cache) openMended(a *Artifact) (Blob, error) {
	f, err := s.openWhole(a)
	if err != nil {
		return Blob{}, err
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return Blob{}, errors.Join(errNoDescriptor, err)
	}
	return Blob{fd: fd}, nil
}

var errNoDescriptor = errors.New("a blob can't be opened")
