package held

import (
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
)

// Reader reads many metas one after the other, with little work and garbage for each: it keeps
// meta/ open, so that the kernel looks up one name, and reads into a buffer that it keeps. One
// goroutine may use it. It is for a walk: a meta/ that is renamed and made anew is the old one to it.
type Reader struct {
	cache *Cache
	dir   *os.File
	buf   []byte
	stat  unix.Stat_t
	meta  Meta
}

// NewReader returns a Reader, which is to be closed.
func (s *Cache) NewReader() (*Reader, error) {
	dir, err := os.Open(s.tree.Path("meta", ""))
	if err != nil {
		return nil, err
	}
	return &Reader{cache: s, dir: dir, buf: make([]byte, 8<<10)}, nil
}

// Close gives the directory back.
func (r *Reader) Close() error { return r.dir.Close() }

// Readers read metas at the same time, see tree.LoadWith.
type Readers []*Reader

// NewReaders returns n Readers, which are to be closed.
func (s *Cache) NewReaders(n int) (Readers, error) {
	all := make(Readers, 0, n)
	for range n {
		r, err := s.NewReader()
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Close closes each.
func (all Readers) Close() {
	for _, r := range all {
		r.Close()
	}
}

// Listed is Cache.ReadListed.
func (r *Reader) Listed(name string) (*Artifact, error) {
	if !IsMetaName(name) {
		return nil, nil
	}
	a, err := r.Artifact(name)
	return listed(name, a, err)
}

// Brief is what lists show of an artifact.
type Brief struct {
	URL     string // redacted
	SHA256  string
	Size    int64
	Fetched time.Time
	Misses  int
	AtLeast bool // there were more misses than were counted
}

// Text returns the text of meta/<name>, which is valid until the next call. It opens regular files
// only, and no link.
func (r *Reader) Text(name string) ([]byte, error) {
	fd, err := r.open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: r.dir.Name() + name, Err: err}
	}
	defer unix.Close(fd)
	b, err := r.read(fd)
	if err != nil {
		op := "read"
		if err == tree.ErrNotRegular {
			op = "open"
		}
		return nil, &fs.PathError{Op: op, Path: r.dir.Name() + name, Err: err}
	}
	return b, nil
}

// Identity tells the state of the file that Text has read last from its other states.
func (r *Reader) Identity() tree.Identity { return tree.Identify(&r.stat) }

// Artifact is Cache.ReadArtifact.
func (r *Reader) Artifact(name string) (*Artifact, error) {
	b, err := r.Text(name)
	if err != nil {
		return nil, err
	}
	return r.cache.artifactOf(name, b)
}

// Brief returns a part of what Artifact returns, and the same errors.
func (r *Reader) Brief(name string) (Brief, error) {
	b, err := r.Text(name)
	if err != nil {
		return Brief{}, err
	}
	r.meta = Meta{}
	if err := r.meta.decodeAs(b, true); err != nil {
		return Brief{}, r.cache.logMalformed(name, err)
	}
	m := &r.meta
	return Brief{m.URL, m.SHA256, m.Size, m.Fetched, m.Misses, m.AtLeast}, nil
}

func (r *Reader) open(name string) (fd int, err error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	for {
		fd, err = unix.Openat(int(r.dir.Fd()), name, flags, 0)
		switch err {
		case unix.EINTR: // a file system of FUSE answers so
			continue
		case unix.ELOOP, unix.ENXIO:
			return -1, tree.ErrNotRegular
		}
		return fd, err
	}
}

// read takes one read if the file fits into the buffer.
func (r *Reader) read(fd int) ([]byte, error) {
	if err := unix.Fstat(fd, &r.stat); err != nil {
		return nil, err
	}
	if r.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, tree.ErrNotRegular
	}
	size := min(r.stat.Size, maxMeta)
	if size > int64(len(r.buf)) {
		r.buf = make([]byte, size)
	}
	got := 0
	for got < int(size) {
		n, err := unix.Read(fd, r.buf[got:size])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return r.buf[:got], nil // it got shorter
		}
		got += n
	}
	return r.buf[:got], nil
}

// Look is Identity of meta/<name> as it is now, by lstat. Of what is no regular file, too.
func (r *Reader) Look(name string) (tree.Identity, error) {
	var st unix.Stat_t
	var err error = unix.EINTR
	for err == unix.EINTR {
		err = unix.Fstatat(int(r.dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	return tree.Identify(&st), err
}
