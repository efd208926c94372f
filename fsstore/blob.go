package fsstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// HasBlob reports whether a blob is there with that size, and may be read: one
// stat, and no look at its bytes.
func (s *Store) HasBlob(digest string, size int64) bool {
	var st unix.Stat_t
	path := s.path("blobs", digest)
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != size {
		return false
	}
	return st.Mode&0o004 != 0 || unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil // ours are 0444
}

// OpenBlob opens the bytes with this digest, 64 lower-case hex digits.
func (s *Store) OpenBlob(digest string) (*os.File, error) {
	if !IsDigest(digest) {
		return nil, fmt.Errorf("blob %.80q: %w", digest, fs.ErrNotExist)
	}
	return open(s.path("blobs", digest), os.O_RDONLY)
}

// IsDigest reports whether s is a SHA-256 as blobs are named: 64 hexadecimal
// digits in lower case.
func IsDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// sound reads a blob, which may take minutes unless ctx ends, and reports
// whether it is what its name says.
func (s *Store) sound(ctx context.Context, d string) bool {
	f, err := s.OpenBlob(d)
	if err != nil {
		return false
	}
	defer f.Close()
	return hasDigest(untilDone{ctx, f}, d)
}

func hasDigest(r io.Reader, d string) bool {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return err == nil && sumHex([32]byte(h.Sum(nil))) == d
}

// untilDone is a reader that ends when ctx does.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// spoilt reports whether an error says that the disk has not kept what was
// written: EUCLEAN and EBADMSG are what XFS and ext4 answer to a checksum that
// is wrong.
func spoilt(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG)
}
