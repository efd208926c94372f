package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
)

// logFlags say which lines are wanted.
type logFlags struct {
	follow, all, asJSON bool
	lines               int
	since               span
}

func (a *app) logCommand() *cobra.Command {
	o := &logFlags{}
	c := &cobra.Command{
		Use:   "log [KEY|GLOB|URL]",
		Short: "Print what happened, from the logs of all jobs, newest last",
		Long: `Print what happened, newest last: the lines of the logs of all jobs, in whatever directory they are,
by time (UTC). An operand chooses one artifact or those that a glob matches. URLs are shown redacted.
What was dismissed has left no line.`,
		Args:              operands(0, 1),
		ValidArgsFunction: a.complete(completeStates(spool[:])...),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.logFilter(o, args, c.Flags().Changed("lines"))
			if err != nil {
				return err
			}
			return a.log(c.Context(), o, f)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on, and print what happens, until interrupted")
	c.Flags().IntVarP(&o.lines, "lines", "n", 100, "print the newest `N` lines; 0: all. With --since, all unless given")
	c.Flags().Var(&o.since, "since", "print what happened within this `SPAN`, as in 2h or 7d")
	c.Flags().BoolVar(&o.all, "all", false, "print also what workers write for themselves: claim and kept lines")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print an object a line, for programs")
	return c
}

func (a *app) logFilter(o *logFlags, args []string, linesGiven bool) (fsstore.JournalFilter, error) {
	f := fsstore.JournalFilter{Last: o.lines, Workers: o.all}
	if o.lines < 0 {
		return f, usagef("--lines %d: give 0 or more", o.lines)
	}
	if o.since > 0 {
		f.Since = time.Now().Add(-time.Duration(o.since))
		if !linesGiven {
			f.Last = 0
		}
	}
	if len(args) > 0 {
		f.Match = args[0]
		if dir, name := path.Split(f.Match); dir != "" && !strings.Contains(f.Match, "://") {
			f.Match = name // a path that tab completion wrote
		}
		if _, err := path.Match(f.Match, ""); err != nil && !strings.Contains(f.Match, "://") {
			return f, usagef("%q is no glob: %s", args[0], err)
		}
	}
	return f, nil
}

func (a *app) log(ctx context.Context, o *logFlags, f fsstore.JournalFilter) error {
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return err
	}
	if strings.Contains(f.Match, "://") {
		u, err := s.Parse(f.Match)
		if err != nil {
			return err
		}
		f.Match = u.Key()
	}
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	print := func(e fsstore.JournalEntry) error { return a.withOutput(out).printEntry(e, o.asJSON) }
	if !o.follow {
		list, err := s.Journal().Entries(f)
		for _, e := range list {
			err = errors.Join(err, print(e))
		}
		return errors.Join(err, out.Flush())
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err = s.Journal().Follow(ctx, f, func(e fsstore.JournalEntry) {
		if err := errors.Join(print(e), out.Flush()); err != nil {
			stop(err) // whoever read it has gone
		}
	})
	return cmp.Or(context.Cause(ctx), err)
}

func (a *app) printEntry(e fsstore.JournalEntry, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(e)
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %s\n", e.Time.UTC().Format(time.RFC3339), printable(cmp.Or(e.Key, e.Name)), printable(e.Text))
	return err
}
