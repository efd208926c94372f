package held

import (
	"fmt"
	"io/fs"
	"os"

	"fromcache/fsstore/internal/tree"
)

// OpenVersion opens the version of rawURL's artifact that has this digest: the present one, or an
// earlier one that meta names and whose blob gc has not unlinked yet. So a download that began
// before the artifact was fetched again ends with the bytes it began with. Anything else is
// fs.ErrNotExist, also a digest of another URL or of what was evicted.
func (s *Cache) OpenVersion(rawURL, digest string) (*Artifact, *os.File, error) {
	if !IsDigest(digest) {
		return nil, nil, fmt.Errorf("version %.80q: %w", digest, fs.ErrNotExist)
	}
	a, err := s.findURL(rawURL)
	if err != nil {
		return nil, nil, err
	}
	if a.SHA256 == digest {
		f, err := s.openWhole(a)
		return a, f, err
	}
	old := a.version(digest)
	if old == nil {
		return nil, nil, fmt.Errorf("%s is no version of %s: %w", digest, a.Key, fs.ErrNotExist)
	}
	f, err := s.openKept(old)
	return old, f, err
}

// Earlier reports whether a is a replaced version, as OpenVersion returns it. Such a pointer is
// new each time.
func (a *Artifact) Earlier() bool { return a.earlier }

// version returns an earlier version, nil if there was none with this digest.
func (a *Artifact) version(digest string) *Artifact {
	for _, v := range a.History {
		if v.SHA256 == digest { //guard:TestOpenVersion
			old := &Artifact{Key: a.Key, Meta: a.Meta, earlier: true}
			old.SHA256, old.Size, old.Fetched = v.SHA256, v.Size, v.Fetched
			old.Header, old.Ranges = v.Header, v.Ranges
			return old
		}
	}
	return nil
}

// openKept opens the blob of an earlier version. It looks in blobs/ twice, because gc may move the
// blob to tmp/ or back meanwhile.
func (s *Cache) openKept(a *Artifact) (f *os.File, err error) {
	blob, gone := s.tree.Path("blobs", a.SHA256), s.tree.Path("tmp", a.SHA256+GoneSuffix)
	for _, path := range []string{blob, gone, blob} {
		var size int64
		if f, size, err = tree.OpenSized(path, os.O_RDONLY); err == nil {
			if size == a.Size {
				return f, nil
			}
			f.Close()
			err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
	}
	return nil, err
}
