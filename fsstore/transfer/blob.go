package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/kind"
)

// headSize is how many bytes tell what kind of file it is.
const headSize = 1 << 10

// blob is the bytes of an Incoming: in tmp/, or in blobs/ already.
type blob struct {
	digest string
	size   int64
	head   []byte   // its beginning, where it was copied
	f      *os.File // in tmp/; nil: it is in blobs/
}

// take copies the bytes of an Incoming to a file in tmp/ and computes their digest. It does not
// copy what blobs/ has by the digest that is asked for. Its error is *kind.WrongDigest,
// health.ErrNoSpace, that of ctx or the disk's.
func (c *Carrier) take(ctx context.Context, in *Incoming, progress func(n int64)) (*blob, error) {
	from, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", info.Name(), tree.ErrNotRegular)
	}
	want := in.Meta.SHA256
	if want != "" && c.held.HasBlob(want, info.Size()) {
		return &blob{digest: want, size: info.Size()}, nil
	}
	if err := c.reserve(info.Size()); err != nil {
		return nil, err
	}
	f, err := c.tree.WriteTemp(nil, 0o660, false)
	if err != nil {
		return nil, err
	}
	b := &blob{f: f}
	err = b.fill(ctx, from, progress)
	if err == nil && want != "" && b.digest != want {
		err = &kind.WrongDigest{Got: b.digest, Want: want}
	}
	if err != nil {
		b.discard()
		return nil, err
	}
	return b, nil
}

// reserve returns health.ErrNoSpace where a file of that size would leave less than MinFree.
func (c *Carrier) reserve(size int64) error {
	if c.health.MinFree <= 0 {
		return nil
	}
	free, _, err := c.tree.Free()
	if err != nil {
		return err
	}
	return c.health.Room(free, size)
}

// fill clones or copies a file into the blob's own, and hashes what is in that then. It makes no
// hard link, because whoever owns the source may write to it later.
func (b *blob) fill(ctx context.Context, from *os.File, progress func(n int64)) error {
	source, err := from, error(nil)
	if tree.Clone(b.f, from) == nil {
		if source, err = os.Open(b.f.Name()); err != nil {
			return err
		}
		defer source.Close()
	}
	sum, to := sha256.New(), io.Writer(b.f)
	if source != from {
		to = io.Discard
	}
	buf := make([]byte, 1<<20)
	for {
		n, err := source.Read(buf)
		if n > 0 {
			sum.Write(buf[:n])
			b.head = append(b.head, buf[:min(n, headSize-len(b.head))]...)
			b.size += int64(n)
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
			progress(int64(n))
		}
		if err == io.EOF {
			b.digest = held.SumHex([32]byte(sum.Sum(nil)))
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// discard removes what was copied.
func (b *blob) discard() {
	if b.f != nil {
		os.Remove(b.f.Name())
		b.f.Close()
		b.f = nil
	}
}

// publish gives the bytes their name in blobs/, durably. A crash after it leaves a blob that
// nothing names, which the next run finds.
func (c *Carrier) publish(b *blob) error {
	if b.f == nil {
		return nil
	}
	defer b.discard()
	if err := b.f.Chmod(0o444); err != nil {
		return err
	}
	if err := b.f.Sync(); err != nil {
		return err
	}
	return c.held.Publish(b.f.Name(), b.digest)
}
