package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
)

// logFlags say which lines are wanted.
type logFlags struct {
	follow, all, asJSON bool
	lines               int
	since               span
}

func logCommand(a *app) *cobra.Command {
	o := &logFlags{}
	c := &cobra.Command{
		Use:   "log [KEY|GLOB|URL]",
		Short: "Print what happened, from the logs of all jobs, newest last",
		Long: `Print what happened, newest last: the lines of the logs of all jobs, in whatever directory they
are, by time (UTC). An operand chooses one artifact or those that a glob matches. URLs are shown
redacted. What was dismissed has left no line.`,
		Args:              operands(0, 1),
		ValidArgsFunction: a.complete(completeStates(operate.Spool[:])...),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := o.wish(args, c.Flags().Changed("lines"))
			if err != nil {
				return err
			}
			return a.log(c.Context(), w, o.asJSON)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.follow, "follow", "f", false, "go on, and print what happens, until interrupted")
	f.IntVarP(&o.lines, "lines", "n", 100,
		"print the newest `N` lines; 0: all. With --since, all unless given")
	f.Var(&o.since, "since", "print what happened within this `SPAN`, as in 2h or 7d")
	f.BoolVar(&o.all, "all", false,
		"print also what workers write for themselves: claim and kept lines")
	f.BoolVar(&o.asJSON, "json", false, "print an object a line, for programs")
	return c
}

func (o *logFlags) wish(args []string, linesGiven bool) (operate.LogWish, error) {
	w := operate.LogWish{Last: o.lines, All: o.all, Follow: o.follow}
	if o.lines < 0 {
		return w, usagef("--lines %d: give 0 or more", o.lines)
	}
	if o.since > 0 {
		w.Since = time.Now().Add(-time.Duration(o.since))
		if !linesGiven {
			w.Last = 0
		}
	}
	if len(args) == 0 {
		return w, nil
	}
	w.Match = args[0]
	if strings.Contains(w.Match, "://") {
		return w, nil
	}
	if dir, name := path.Split(w.Match); dir != "" {
		w.Match = name // a path that tab completion wrote
	}
	if _, err := path.Match(w.Match, ""); err != nil {
		return w, usagef("%q is no glob: %s", args[0], err)
	}
	return w, nil
}

func (a *app) log(ctx context.Context, w operate.LogWish, asJSON bool) error {
	cache, err := a.openCache()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	n := 0
	err = cache.Log(ctx, w, func(list []fsstore.JournalEntry) error {
		n += len(list)
		for i := range list {
			if err := a.withOutput(out).printEntry(&list[i], asJSON); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if err == nil && n == 0 && w.Match != "" && w.Since.IsZero() {
		err = fmt.Errorf("nothing matches %s, which has to match a whole name", key.Redact(w.Match))
	}
	return err
}

func (a *app) printEntry(e *fsstore.JournalEntry, asJSON bool) error {
	if asJSON {
		return printJSON(a.stdout, e)
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %s\n", e.Time.UTC().Format(time.RFC3339),
		printable(cmp.Or(e.Key, e.Name)), printable(e.Text))
	return err
}
