package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
)

// statusRow is a status as programs read it.
type statusRow struct {
	Server string `json:"server"` // where it answers, or why it does not
	*fsstore.Status
}

func statusCommand(a *app) *cobra.Command {
	here := newListening()
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say on one screen whether all is well: exit status 0, 1 or 2",
		Long: `Say on one screen whether all is well: does the server on this machine answer, is there space,
what waits, what is fetched, what failed in the last day, does anything come in, how far is the
scrub. The exit status is 0 when there is nothing to do, 1 when there is, which the last lines say,
and 2 when the data directory can't be read.

Where that server listens is in the data directory while it runs. A replica's is not: give --host and
--port, or FROMCACHE_HOST and FROMCACHE_PORT.`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := a.farServer()
			if err != nil {
				return err
			}
			if server != "" && here.isNamed() {
				return usagef("--host and --port are for the server on this machine: leave them out with --server")
			}
			row, err := a.statusOf(c.Context(), server, here)
			if err != nil {
				return unknownError{err}
			}
			if asJSON {
				err = printJSON(a.stdout, row)
			} else {
				err = printStatus(a.stdout, row)
			}
			if err == nil && !row.Well {
				err = errReported
			}
			return err
		},
	}
	c.Flags().AddFlagSet(here.flags)
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, for programs")
	return c
}

// statusOf asks the server, or where that is "" this machine.
func (a *app) statusOf(ctx context.Context, server string, here *listening) (*statusRow, error) {
	if server == "" {
		return a.statusHere(ctx, here)
	}
	c, err := a.openCache()
	if err != nil {
		return nil, err
	}
	st, err := c.Status(ctx)
	return &statusRow{"answers at " + server, st}, err
}

// statusHere asks the data directory, and the server on this machine. What the server says of its
// troubles counts, because it may be allowed what this user is not, and knows its own flags.
func (a *app) statusHere(ctx context.Context, here *listening) (*statusRow, error) {
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return nil, err
	}
	st, err := s.Status()
	if err != nil {
		return nil, err
	}
	var bases []string
	if !here.isNamed() {
		bases = s.Hosts.URLs()
	}
	addr, text, err := a.askHere(ctx, here, bases)
	row := &statusRow{"answers at " + addr, st}
	switch unwell := errors.As(err, new(unwellError)); {
	case err == nil, unwell:
		if unwell {
			text = err.Error()
		}
		st.Troubles = []fsstore.Trouble{}
		for _, line := range strings.Split(text, "\n")[1:] {
			st.Troubles = append(st.Troubles, serverTrouble(st, line, unwell))
		}
	default:
		row.Server = oneLine(err)
		st.Troubles = append([]fsstore.Trouble{serverTrouble(st, row.Server, true)}, st.Troubles...)
	}
	st.Judge()
	return row, nil
}

func serverTrouble(st *fsstore.Status, what string, grave bool) fsstore.Trouble {
	return fsstore.Trouble{Kind: "server", What: what, Since: st.Time, Grave: grave}
}

func printStatus(out io.Writer, r *statusRow) error {
	w := columns(out)
	fmt.Fprintf(w, "server\t%s\n", printable(r.Server))
	fmt.Fprintf(w, "disk\t%s of %s free\n", bytes(r.Free), bytes(r.Total))
	if r.Replica != nil {
		fmt.Fprintf(w, "replica\t%s\n", printable(replicaOf(r)))
	} else {
		printWork(w, r)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Well {
		_, err := fmt.Fprintln(out, "\nall is well")
		return err
	}
	fmt.Fprintln(out, "\nto do:")
	for _, line := range r.ToDo {
		fmt.Fprintf(out, "- %s\n", printable(line))
	}
	return nil
}

// replicaOf says what a replica is a copy of, and how old that is.
func replicaOf(r *statusRow) string {
	line := "of " + cmp.Or(r.Replica.Of, "a cache that is not named")
	if !r.Replica.Synced.IsZero() {
		line += ", as of " + ago(r.Time, r.Replica.Synced) + " ago"
	}
	return line + "; what waits, runs and fails is shown by the main server"
}

// printWork prints what waits, runs and has failed.
func printWork(w io.Writer, r *statusRow) {
	misses := strconv.Itoa(r.Jobs[fsstore.Misses]) + " wait"
	if !r.Oldest.IsZero() {
		misses += ", the oldest for " + ago(r.Time, r.Oldest)
	}
	fmt.Fprintf(w, "misses\t%s\n", misses)
	tried := func(j fsstore.StatusJob) string { return ago(r.Time, j.Time) + " ago: " + j.Reason }
	fmt.Fprintf(w, "queue\t%d wait, %d of them after an attempt that failed\n",
		r.Jobs[fsstore.Queue], len(r.Retried))
	statusJobs(w, r.Retried, tried)
	fmt.Fprintf(w, "running\t%d\n", len(r.Running))
	statusJobs(w, r.Running, func(j fsstore.StatusJob) string { return fetched(j.Part, j.Total) })
	fmt.Fprintf(w, "failed\t%d in the last day, %d in all\n", len(r.Failed), r.Jobs[fsstore.Failed])
	statusJobs(w, r.Failed, tried)
	fmt.Fprintf(w, "way out\t%s\n", wayOut(r))
	fmt.Fprintf(w, "scrub\t%s\n", scrubbed(r))
}

// statusRows is how many jobs of a kind a status shows, to stay on one screen.
const statusRows = 3

func statusJobs(w io.Writer, jobs []fsstore.StatusJob, say func(fsstore.StatusJob) string) {
	for _, j := range jobs[:min(len(jobs), statusRows)] {
		fmt.Fprintf(w, "\t%s  %s\n", printable(j.Key), printable(say(j)))
	}
	if n := len(jobs) - statusRows; n > 0 {
		fmt.Fprintf(w, "\tand %d more\n", n)
	}
}

func wayOut(r *statusRow) string {
	line := "nothing has come in yet"
	if r.Fetched != nil {
		line = fmt.Sprintf("%s came in %s ago", printable(r.Fetched.Key), ago(r.Time, r.Fetched.Time))
	}
	if r.WayOutFails() {
		line += "; the attempts since then failed"
	}
	return line
}

func scrubbed(r *statusRow) string {
	line := "no round is known to have ended in the last 90 days"
	if !r.Scrub.Last.IsZero() {
		line = "the last round over all blobs ended on " + r.Scrub.Last.UTC().Format(time.DateOnly)
	}
	if r.Rotten > 0 {
		line += fmt.Sprintf("; rotten blobs in tmp/: %d", r.Rotten)
	}
	return line
}

// ago is the time since then, no finer than a person wants it.
func ago(now, then time.Time) string {
	switch d := now.Sub(then); {
	case d < 2*time.Minute:
		return strconv.Itoa(max(0, int(d.Seconds()))) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}
