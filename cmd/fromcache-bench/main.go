// Fromcache-bench compares the cache-host with nginx serving the same files on this machine, and prints ratios.
//
//	go run ./cmd/fromcache-bench [-quick] [section…]
//
// It builds the real fromcache, makes a data directory, starts fromcache serve and nginx as processes of their own on loopback
// ports, and drives both with one client that is lighter than either: a single thread on epoll that sends prepared requests
// on 32 keep-alive connections, one at a time on each, and throws bodies away in the kernel (see client). Sections:
//
//	head     HEAD of a held artifact, against nginx's static file
//	get64k   GET of a held artifact of 64 KiB, likewise
//	cpu      server CPU seconds for 1 GiB of a large artifact, likewise
//	miss     HEAD of what is noted in misses/ already, against nginx's 404
//	newmiss  HEAD of what was never asked for: notes made a second, against files made a second by a plain write and rename
//	fetch    a download from queue/ to the commit, against curl | tee FILE | sha256sum && sync FILE from the same origin
//	large    100,000 artifacts: the first answer after the start, memory after 10,000 hits, fromcache ls artifacts
//	pages    the same with 10,000 misses and 200 open pages: each page, an mv to its event, first paint, memory
//
// # How to read it
//
// A machine's figures mean little, and on a busy one not even they stand still. So ours and theirs take turns, a short round
// each, and what counts is the ratio of two rounds that were neighbours: its median, with the least and the greatest
// beside it. Each ratio has two targets, one to hold and one to aim at; the verdict is the median's. Rates are what two
// cores, client and server together, can do. The line below a rate is server CPU for one request, which the client has
// no part in: where the client is what limits, it tells more than the rate. Below the head section stands what net/http alone
// reaches of nginx, with no look at any disk.
//
// Every answer's status and length are checked, and the bytes of each artifact once. The exit status is 0 whatever the
// figures are, and 1 when something was wrong with an answer or could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fromcache-bench:", err)
		os.Exit(1)
	}
}

// section is one comparison.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

// sections in the order in which they run.
var sections = []section{
	{"head", head},
	{"get64k", get64k},
	{"cpu", cpu},
	{"miss", miss},
	{"newmiss", newMiss},
	{"fetch", fetch},
	{"large", large},
	{"pages", pages},
}

// bench is one run: where its files are, how much it does, and where it prints.
type bench struct {
	dir    string // temporary, everything is in it
	binary string // fromcache
	bare   int    // not 0: be net/http alone at this port
	quick  bool
	out    io.Writer

	hasLarge bool // the tree of the sections large and pages is there
}

// whole is how long a run may take: several times what it does take, so that it only ends what hangs.
const whole = 15 * time.Minute

func run(ctx context.Context, args []string, out io.Writer) error {
	b := &bench{out: out}
	chosen, err := b.parse(args)
	if err != nil || len(chosen) == 0 {
		return err
	}
	if b.bare != 0 {
		return serveAlone(b.bare)
	}
	ctx, stop := context.WithTimeout(ctx, whole)
	defer stop()
	if b.dir, err = os.MkdirTemp("", "fromcache-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.preamble(ctx); err != nil {
		return err
	}
	return b.all(ctx, chosen)
}

// all runs the sections. One that breaks keeps none of the others from running.
func (b *bench) all(ctx context.Context, chosen []section) error {
	var errs []error
	for _, s := range chosen {
		err := s.run(ctx, b)
		if ctx.Err() != nil {
			return errors.Join(append(errs, fmt.Errorf("%s: %w", s.name, context.Cause(ctx)))...)
		}
		if err != nil {
			fmt.Fprintf(b.out, "\n%s: BROKEN, see below\n", s.name)
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

func (b *bench) parse(args []string) ([]section, error) {
	f := flag.NewFlagSet("fromcache-bench", flag.ContinueOnError)
	f.BoolVar(&b.quick, "quick", false, "fewer and shorter rounds, a smaller download")
	f.StringVar(&b.binary, "fromcache", "", "measure this `FILE` instead of building ./cmd/fromcache")
	f.IntVar(&b.bare, "alone", 0, "be a net/http server with nothing to do, at this `PORT`; the bench starts itself so")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: fromcache-bench [-quick] [-fromcache FILE] [section…]\nsections: head get64k cpu miss newmiss fetch large pages; all unless given")
		f.PrintDefaults()
	}
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return nil, nil
	case err != nil:
		return nil, err
	case f.NArg() == 0:
		return sections, nil
	}
	var chosen []section
	for _, name := range f.Args() {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no section %q", name)
		}
		chosen = append(chosen, sections[i])
	}
	return chosen, nil
}

// choose is full, or quick in a quick run.
func choose[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}
