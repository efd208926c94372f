// Command fromcache-original moves the data directory of the original fromcache, 0.1.0 on PyPI, into
// one of this fromcache. It is a program of its own so that the server carries no SQLite.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fromcache/fsstore"
)

const usage = `Usage: fromcache-original OLD NEW

Hold in the data directory NEW what OLD holds, the data directory of the original fromcache, with its
cache.db. OLD is only read. NEW is made where it is not there; it may be the data directory of a
server that runs. The dates, content types, hits and misses come along, each digest is computed anew,
and the call may be repeated. fromcache help transfer says more.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 1 where something could not be moved, 2 for a wrong call.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if len(args) != 2 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	old, err := filepath.Abs(args[0])
	if err != nil {
		fmt.Fprintf(stderr, "fromcache-original: %v\n", err)
		return 1
	}
	m := mover{stderr: stderr, old: old}
	if err := m.move(ctx, args[1]); err != nil {
		fmt.Fprintf(stderr, "fromcache-original: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "imported %d; %d held already, %d held in a newer version, %d misses, %d failed\n",
		m.taken, m.same, m.newer, m.misses, m.failed)
	if m.failed > 0 {
		return 1
	}
	return 0
}

// mover is one call, and what it has done so far.
type mover struct {
	stderr io.Writer
	old    string // the original's data directory, absolute

	taken, same, newer, misses, failed int
}

func (m *mover) move(ctx context.Context, dest string) error {
	db, err := openDatabase(ctx, filepath.Join(m.old, "cache.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	root, err := os.OpenRoot(m.old)
	if err != nil {
		return err
	}
	defer root.Close()
	if info, err := os.Stat(filepath.Join(dest, "cache.db")); err == nil && info.Mode().IsRegular() {
		return fmt.Errorf("%s is a directory of the original, too: name a new one", dest)
	}
	s, err := fsstore.Open(dest, fsstore.Options{})
	if err != nil {
		return err
	}
	if err := m.moveBlobs(ctx, db, root, s); err != nil {
		return err
	}
	return m.moveMisses(ctx, db, s)
}

func (m *mover) moveBlobs(ctx context.Context, db *database, root *os.Root, s *fsstore.Store) error {
	by := operator()
	for b, err := range db.blobs(ctx) {
		if ctx.Err() != nil {
			return errInterrupted
		}
		var outcome fsstore.Outcome
		if err == nil {
			outcome, err = s.Import(ctx, b.incoming(root, m.old), by, func(int64) {})
		}
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
			return fmt.Errorf("%w; what has come is held: make room, and the same call goes on", err)
		case err != nil:
			m.fail(b.where(), err)
		case outcome == fsstore.Taken:
			m.taken++
		case outcome == fsstore.SameHeld:
			m.same++
		case outcome == fsstore.NewerHeld:
			m.newer++
		}
	}
	m.failLong(ctx, db, "blobs", db.blobColumns(ctx))
	return nil
}

// failLong counts the rows of a table that were left out, because a field of theirs is too long.
func (m *mover) failLong(ctx context.Context, db *database, table, columns string) {
	n, err := db.tooLong(ctx, table, columns)
	switch {
	case err != nil:
		m.fail(table, err)
	case n > 0:
		m.fail(table, fmt.Errorf("rows of which a field has %d bytes or more, and that are left out: %d", maxField, n))
		m.failed += n - 1
	}
}

var errInterrupted = errors.New("interrupted: what has come is held; the same call goes on")

// moveMisses records the misses. Those that misses/ has no room for are counted and get one line.
func (m *mover) moveMisses(ctx context.Context, db *database, s *fsstore.Store) error {
	full := 0
	for w, err := range db.misses(ctx) {
		if ctx.Err() != nil {
			return errInterrupted
		}
		took := false
		if err == nil {
			took, err = s.TakeMiss(w.job())
		}
		switch {
		case errors.Is(err, fsstore.ErrFull):
			full++
		case err != nil:
			m.fail(w.where(), err)
		case took:
			m.misses++
		}
	}
	m.failLong(ctx, db, "misses", missColumns)
	if full > 0 {
		m.fail(fmt.Sprintf("%d misses were not taken", full), fsstore.ErrFull)
		m.failed += full - 1
	}
	return nil
}

// fail prints and counts what went wrong with one row.
func (m *mover) fail(where string, err error) {
	m.failed++
	fmt.Fprintf(m.stderr, "fromcache-original: %s: %s\n", where, strings.Map(printable, err.Error()))
}

// printable replaces what a terminal may obey.
func printable(r rune) rune {
	if !strconv.IsPrint(r) {
		return '?'
	}
	return r
}

// operator is whom the jobs in done/ name.
func operator() fsstore.Operator {
	by := fsstore.Operator{Via: "cli", Addr: fmt.Sprintf("uid-%d", os.Getuid())}
	if u, err := user.Current(); err == nil {
		by.Addr = u.Username
	}
	return by
}
