package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

func importCommand(a *app) *cobra.Command {
	minFree := defaultMinFree
	c := &cobra.Command{
		Use:   "import DIR|LIST",
		Short: "Hold what another cache holds, or files with their URLs",
		Long: `Hold what another cache holds. DIR is a data directory: of an earlier server, of one that runs, or a
bundle that fromcache export wrote. Its artifacts come with their dates, hits and earlier versions,
and its misses.

LIST is a file of lines

    SHA256 PATH URL

with blanks between. SHA256 is - where it is not known. PATH begins at the folder of LIST, stays in
it, and may have blanks in it. Empty lines and lines that begin with # are skipped. LIST - is
standard input, whose paths begin at the current directory.

Every digest is computed anew, and what does not verify is not held. What is held here and was
fetched later stays. A call that was interrupted goes on when it is made again. The exit status is 1
where something could not be imported. fromcache help transfer says more.`,
		Args: operands(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.importFrom(c.Context(), args[0], minFree)
		},
	}
	c.Flags().Var(&minFree, "min-free", "leave at least this `SIZE` free; 0 or off: no reserve")
	return c
}

// interruptible returns a context that the first SIGINT or SIGTERM ends. A second one ends the
// process, because the first may not be noticed: a pipe may never come to its end.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// importFrom imports a data directory or a list.
func (a *app) importFrom(ctx context.Context, name string, minFree size) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	t := a.transfer(ctx, "import")
	if info, err := os.Stat(name); name != "-" && err != nil {
		return err
	} else if name != "-" && info.IsDir() {
		return t.importDir(name, minFree)
	}
	return t.importList(name, minFree)
}

// transfer is one call of import or export: what it has done so far.
type transfer struct {
	*app
	ctx  context.Context
	show *progress
	done int64 // bytes

	taken, same, newer, failed int
	misses                     int
}

func (a *app) transfer(ctx context.Context, verb string) *transfer {
	return &transfer{app: a, ctx: ctx, show: a.progress(verb)}
}

func (t *transfer) importDir(dir string, minFree size) error {
	rule, err := t.rule()
	if err != nil {
		return err
	}
	from, err := t.openSource(dir, rule)
	if err != nil {
		return err
	}
	if abs, err := filepath.Abs(t.store.dir); err != nil || from.Within(abs) {
		return fmt.Errorf("%s is, or holds, the data directory that is imported to: name another with --data-dir", dir)
	}
	s, err := t.openNamed(fsstore.Options{MinFree: int64(minFree)})
	if err != nil {
		return err
	}
	for in, err := range from.Artifacts() {
		if err := t.one(s, in, "", err); err != nil {
			return err
		}
	}
	t.takeMisses(s, from)
	return t.report("imported", fmt.Sprintf("%d misses, ", t.misses))
}

// takeMisses records the misses of another cache. Those that misses/ has no room for are counted and
// get one line, because there may be many; the requests of those that it has are merged all the same.
func (t *transfer) takeMisses(s *fsstore.Store, from *fsstore.Source) {
	full := 0
	for m, err := range from.Misses() {
		took := false
		if err == nil {
			took, err = s.TakeMiss(m.Job)
		}
		switch {
		case errors.Is(err, fsstore.ErrFull):
			full++
		case err != nil:
			t.fail("", err)
		case took:
			t.misses++
		}
	}
	if full > 0 {
		t.fail(fmt.Sprintf("%d misses were not taken: ", full), fsstore.ErrFull)
		t.failed += full - 1
	}
}

// openSource opens the data directory of another cache.
func (a *app) openSource(dir string, rule key.Rule) (*fsstore.Source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	from, err := fsstore.OpenSource(dir, rule)
	if _, statErr := os.Stat(filepath.Join(dir, "cache.db")); err != nil && statErr == nil {
		return nil, fmt.Errorf("%s is of the original fromcache: fromcache-original moves it; see fromcache help transfer", dir)
	}
	if other, ok := errors.AsType[*fsstore.ForeignError](err); ok {
		return nil, fmt.Errorf("%s; for files with their URLs write a list: fromcache help import", other.About())
	}
	return from, err
}

func (t *transfer) importList(name string, minFree size) error {
	list, _, err := t.openFile(name)
	if err != nil {
		return err
	}
	defer list.Close()
	folder := filepath.Dir(name) // of "-" too it is the current directory
	files, flaws := fsstore.ReadList(list)
	if len(flaws) > 0 {
		for i := range flaws {
			flaws[i] = fmt.Errorf("%s: %w", name, flaws[i])
		}
		return t.reportAll(append(flaws, errors.New("nothing was imported: mend these lines first")))
	}
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	s, err := t.openNamed(fsstore.Options{MinFree: int64(minFree)})
	if err != nil {
		return err
	}
	for _, f := range files {
		in, err := f.Incoming(dir, "a list")
		if err := t.one(s, in, fmt.Sprintf("%s: line %d: %s: ", name, f.Line, f.Path), err); err != nil {
			return err
		}
	}
	return t.report("imported", "")
}

// one imports one artifact. Its error ends the import; what is wrong with that artifact alone is
// printed, after the words before.
func (t *transfer) one(s *fsstore.Store, in *fsstore.Incoming, before string, err error) error {
	var outcome fsstore.Outcome
	if err == nil {
		outcome, err = s.Import(t.ctx, in, t.operator(), t.progressed)
		if before == "" {
			before = in.Key + ": "
		}
	}
	return t.count(outcome, before, err)
}

// count counts what became of one artifact, and returns the errors that end the call.
func (t *transfer) count(outcome fsstore.Outcome, before string, err error) error {
	switch {
	case t.ctx.Err() != nil:
		t.show.end()
		return errors.New("interrupted: what has come is held; the same call goes on")
	case errors.Is(err, fsstore.ErrNoSpace), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		t.show.end()
		return fmt.Errorf("%s%w; what has come is held: make room, and the same call goes on", before, err)
	case err != nil:
		t.fail(before, err)
	case outcome == fsstore.Taken:
		t.taken++
	case outcome == fsstore.SameHeld:
		t.same++
	case outcome == fsstore.NewerHeld:
		t.newer++
	}
	return nil
}

// fail prints and counts an error that is not nil.
func (t *transfer) fail(before string, err error) {
	if err == nil {
		return
	}
	t.failed++
	t.show.end()
	if m, ok := errors.AsType[*kind.Mismatch](err); ok {
		err = fmt.Errorf("%w; to keep it all the same, give its SHA-256", m)
	}
	t.reportAll([]error{fmt.Errorf("%s%w", before, err)}) //nolint:errcheck // it is counted
}

func (t *transfer) progressed(n int64) {
	t.done += n
	t.show.at(t.done, -1)
}

// report prints the counts, and returns errReported where something failed.
func (t *transfer) report(past, misses string) error {
	t.show.end()
	_, err := fmt.Fprintf(t.stdout, "%s %d, %s read; %d held already, %d held in a newer version, %s%d failed\n",
		past, t.taken, bytes(t.done), t.same, t.newer, misses, t.failed)
	if err == nil && t.failed > 0 {
		err = errReported
	}
	return err
}
