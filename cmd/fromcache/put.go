package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

// put makes a file the artifact of a URL: carried in on a disk, or fetched in a way of the operator's own. It takes the path
// of a download, with a claim of its own, so that a crash leaves what a crashed download leaves.
func (a *app) put(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	minFree := defaultMinFree
	var sum digest
	f.Var(&sum, "sha256", "the digest that FILE must have, in `HEX`")
	var accept list
	f.Var(&accept, "accept", "keep FILE although it is not what the URL's name says: `WHAT` is text/html for a page, any for whatever it is")
	f.Var(&minFree, "min-free", "leave at least this `SIZE` free; 0 or off: no reserve")
	return func(ctx context.Context, operands []string) error {
		add := fsstore.Addition{URL: operands[0], SHA256: string(sum)}
		if err := accepts(&add, accept); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		defer context.AfterFunc(ctx, stop)() // a second signal ends it at once: it may wait for a pipe
		from, size, err := a.openFile(operands[1])
		if err != nil {
			return err
		}
		defer from.Close()
		s, err := dir.openOrMake(fsstore.Options{MinFree: int64(minFree)})
		if err != nil {
			return err
		}
		claim, err := s.ClaimFor(add, a.operator())
		if err != nil {
			return fmt.Errorf("%s: %w", key.Redact(operands[0]), err)
		}
		return a.carryIn(ctx, claim, from, size)
	}
}

// openFile opens FILE, of which size -1 is unknown.
func (a *app) openFile(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.stdin), -1, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

// carryIn lets the operator see how far it has come, and how it ended.
func (a *app) carryIn(ctx context.Context, claim *fsstore.Claim, from io.Reader, size int64) error {
	show := a.progress("put")
	art, err := claim.CarryIn(from, size, func(have int64) error {
		show.at(have, size)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return nil
	})
	show.end()
	if err != nil {
		return putError(err)
	}
	_, err = fmt.Fprintf(a.stdout, "held %s\n%s  %s\n", art.Key, art.SHA256, bytes(art.Size))
	return err
}

func putError(err error) error {
	if short, ok := errors.AsType[*fsstore.NotWhole](err); ok && short.Err == nil {
		return fmt.Errorf("the file changed while it was read: it had %d bytes, then %d", short.Size, short.Have)
	}
	if m, ok := errors.AsType[*kind.Mismatch](err); ok {
		return fmt.Errorf("%w; to keep it all the same: --accept %s", m, m.Accept)
	}
	return err
}
