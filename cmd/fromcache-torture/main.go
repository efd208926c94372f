// Fromcache-torture tries to break what fromcache promises: whatever is killed,
// cut, filled or lied to, no approved job is lost, no artifact that was
// acknowledged is lost, and no client is served bytes that are not whole and
// checked.
//
// It runs the real binary, under strace, on file systems that it makes and cuts,
// and prints a table: threat, cases tried, violations. Parts run alone when they
// are named; -long tries each as often as the table of parts says. What this
// machine can't do is said in a line below the table. Most of it needs root.
//
// The whole takes hours. With -keep DIR each part's row is written there as it
// ends, so that a run which was broken off goes on where it was: a row of this
// commit is not made again, unless its part is named or -again says so. The
// table then is of all rows in DIR.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// wish is what the command line asks for.
type wish struct {
	names       []string
	long, again bool
	keep        string // a directory, or ""
}

func main() {
	if spec := os.Getenv(slowEnv); spec != "" {
		beSlow(spec)
		return
	}
	if dirs := os.Getenv(sweepEnv); dirs != "" {
		sweep(filepath.SplitList(dirs))
		os.Exit(1)
	}
	var w wish
	flag.BoolVar(&w.long, "long", false, "as many cases as the promise names, instead of a slice")
	flag.StringVar(&w.keep, "keep", "", "keep each part's row in this `DIR`, and print the table of all that are there")
	flag.BoolVar(&w.again, "again", false, "with -keep: run also what has a row of this commit")
	flag.Usage = usage
	flag.Parse()
	w.names = flag.Args()
	if w.keep != "" && !w.long {
		os.Exit(complain(errors.New("-keep wants -long: a slice is soon run again"), 2))
	}
	os.Exit(run(w))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: fromcache-torture [-long [-keep DIR [-again]]] [PART…]\n\nWithout PART it tries all.")
	flag.PrintDefaults()
	fmt.Fprintln(os.Stderr)
	listParts(os.Stderr)
}

func run(w wish) int {
	chosen, err := choose(w.names)
	if err != nil {
		return complain(err, 2)
	}
	p, err := newProgram(w.long)
	if err != nil {
		return complain(err, 1)
	}
	defer p.close()
	go p.sweepAtSignal(w)
	rows, err := p.tryAll(chosen, w)
	if p.ctx.Err() != nil {
		select {} // sweepAtSignal ends this process
	}
	if err != nil {
		return complain(err, 1)
	}
	if judge.Print(os.Stdout, rows) > 0 {
		return 1
	}
	return 0
}

func complain(err error, status int) int {
	fmt.Fprintln(os.Stderr, "fromcache-torture:", err)
	return status
}

// tryAll runs the parts, and returns the rows for the table.
func (p *program) tryAll(chosen []part, w wish) (rows []*judge.Row, err error) {
	if w.keep != "" && !isClean(commit()) {
		fmt.Fprintln(os.Stderr, "the tree has edits or no commit: a later run will not go on from the rows of this one")
	}
	for _, part := range chosen {
		if w.keep != "" && !w.again && len(w.names) == 0 && isKept(w.keep, part) {
			fmt.Fprintf(os.Stderr, "%s: has a row of this commit\n", part.name)
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", part.name, part.about)
		row := p.try(part)
		if err := p.ctx.Err(); err != nil {
			return nil, err // what was broken off has no row
		}
		rows = append(rows, row)
		if w.keep == "" {
			continue
		}
		if err := keepRow(w.keep, row); err != nil {
			return rows, err
		}
	}
	if w.keep != "" {
		return keptRows(w.keep)
	}
	return rows, nil
}

// try runs a part. One that can't go on has found something, too.
func (p *program) try(part part) (row *judge.Row) {
	row = judge.NewRow(part.threat, part.name)
	n := part.cases(p.long)
	if n == 0 {
		row.Note("only in the long run")
		return row
	}
	began := time.Now()
	defer func() {
		if v := recover(); v != nil {
			row.Violated("the harness could not go on: %v", v)
		}
		row.Took(time.Since(began))
	}()
	part.run(p, n, row)
	for _, f := range floors[part.name] {
		f.judge(p.long, row)
	}
	return row
}
