package held

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
)

// HasBlob reports whether a blob with that size exists and may be read. It does not read the
// bytes.
func (s *Cache) HasBlob(digest string, size int64) bool {
	if s.isWithheld(digest) {
		return false
	}
	var st unix.Stat_t
	path := s.tree.Path("blobs", digest)
	if unix.Lstat(path, &st) != nil ||
		st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != size { //guard:TestAForgedKeyIsAMiss
		return false
	}
	if st.Mode&0o004 == 0 && !mayRead(path) { //guard:fsstore.TestWhatCantBeReadIsAMiss
		return false // ours are 0444, and need no second call
	}
	return true
}

func mayRead(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
}

// Publish gives the file at path, which is fsynced, the name of its digest in blobs/, durably when
// it returns nil. A crash after it leaves a blob that nothing names.
func (s *Cache) Publish(path, digest string) error {
	if err := os.Rename(path, s.tree.Path("blobs", digest)); err != nil {
		return err
	}
	s.Withhold(digest, false)
	return tree.SyncDir(s.tree.Path("blobs", "")) //guard:fsstore/active.TestEachStepIsSynced
}

// Withhold sets whether this process serves a blob as a miss although it is there, because it is
// rotten or can't be read to its end.
func (s *Cache) Withhold(digest string, yes bool) {
	if yes {
		s.withheld.Store(digest, true)
	} else {
		s.withheld.Delete(digest)
	}
}

func (s *Cache) isWithheld(digest string) bool {
	_, yes := s.withheld.Load(digest)
	return yes
}

// OpenBlob opens the bytes with this digest, 64 lower-case hex digits.
func (s *Cache) OpenBlob(digest string) (*os.File, error) {
	if !IsDigest(digest) {
		return nil, fmt.Errorf("blob %.80q: %w", digest, fs.ErrNotExist)
	}
	return tree.Open(s.tree.Path("blobs", digest), os.O_RDONLY)
}

// IsDigest reports whether s is a SHA-256 as blobs are named: 64 hexadecimal
// digits in lower case.
func IsDigest(s string) bool { return isDigest(s) }

func isDigest[T string | []byte](s T) bool {
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

// VerifyBlob reads a blob, and reports whether its bytes have that digest. That may take minutes;
// it reports false when ctx ends.
func (s *Cache) VerifyBlob(ctx context.Context, d string) bool {
	f, err := s.OpenBlob(d)
	if err != nil {
		return false
	}
	defer f.Close()
	return hasDigest(ctxReader{ctx, f}, d)
}

func hasDigest(r io.Reader, d string) bool {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return err == nil && SumHex([32]byte(h.Sum(nil))) == d
}

// ctxReader is a reader that fails when ctx ends.
type ctxReader struct {
	Ctx context.Context
	io.Reader
}

func (r ctxReader) Read(b []byte) (int, error) {
	if err := r.Ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// GoneSuffix ends the name in tmp/ of a blob that gc has taken out of blobs/, and will unlink a
// day later.
const GoneSuffix = ".gone"

// RestoreBlob moves a blob that gc took out back to blobs/. It fails if something other than a file
// has its name.
func (s *Cache) RestoreBlob(digest string) error {
	return s.RestoreBlobFrom(digest+GoneSuffix, digest)
}

// RestoreBlobFrom is RestoreBlob of a blob that has another name in tmp/.
func (s *Cache) RestoreBlobFrom(name, digest string) error {
	blob := s.tree.Path("blobs", digest)
	if tree.IsRegular(blob) {
		return nil
	}
	if err := s.tree.Writable(); err != nil {
		return err
	}
	if err := tree.RenameNew(s.tree.Path("tmp", name), blob); err != nil && !tree.IsRegular(blob) {
		return err
	}
	return tree.SyncDir(s.tree.Path("blobs", "")) //guard:fsstore/active.TestEachStepIsSynced
}

// BlobOrGone reports whether a blob is in blobs/, or in tmp/, where gc keeps it for a day.
func (s *Cache) BlobOrGone(d string) bool {
	return tree.IsRegular(s.tree.Path("blobs", d)) ||
		tree.IsRegular(s.tree.Path("tmp", d+GoneSuffix))
}
