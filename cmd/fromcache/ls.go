package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

const artifacts = "artifacts"

func lsCommand(a *app) *cobra.Command {
	var asJSON bool
	lists := append(completeStates(operate.Spool[:]), artifacts)
	c := &cobra.Command{
		Use:   "ls [LIST]",
		Short: "List misses, jobs or artifacts; without LIST: counts, and what waits",
		Long: `List one directory. LIST is misses, queue, active, done, failed, cancelled, denied or artifacts;
fromcache rules ls lists what is approved without a person. Without it ls prints
how much is in each, and the first of what waits for a decision or a worker.
Lists are sorted by name, but more than 100,000 artifacts are printed as they are read: pipe them
through sort.

--json prints an object a line, for programs. URLs are shown redacted; the job files hold them whole.`,
		Args:      operands(0, 1),
		ValidArgs: lists,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && !slices.Contains(lists, args[0]) {
				return usagef("there is no list %q: give one of %s", args[0], strings.Join(lists, ", "))
			}
			cache, err := a.openCache()
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(a.stdout, 64<<10)
			err = a.withOutput(out).list(c.Context(), cache, args, asJSON)
			return errors.Join(err, out.Flush())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) list(ctx context.Context, c operate.Cache, operands []string, asJSON bool) error {
	switch {
	case len(operands) == 0:
		return a.summary(ctx, c, asJSON)
	case operands[0] == artifacts:
		return a.listArtifacts(ctx, c, asJSON)
	}
	st := fsstore.State(operands[0])
	if jobs := operate.EachJob(ctx, c, st, ""); !asJSON {
		return a.jobTable(st, jobs)
	} else {
		return a.encodeEach(jobs)
	}
}

// encodeEach prints an object a line.
func (a *app) encodeEach(jobs iter.Seq2[operate.Job, error]) error {
	for j, err := range jobs {
		if err != nil {
			return err
		}
		if err := printJSON(a.stdout, j); err != nil {
			return err
		}
	}
	return nil
}

// summary counts everything, and shows what a person may have to decide on.
func (a *app) summary(ctx context.Context, cache operate.Cache, asJSON bool) error {
	c, err := cache.Counts(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, c)
	}
	w := columns(a.stdout)
	for _, st := range operate.Spool {
		fmt.Fprintf(w, "%s\t%d\n", st, c.Jobs[st])
	}
	fmt.Fprintf(w, "rules\t%d\n", c.Rules)
	fmt.Fprintf(w, "artifacts\t%d, %s, %s\n", c.Artifacts, bytes(c.Bytes), hits(c.Hits))
	fmt.Fprintf(w, "free\t%s of %s\n", bytes(c.Free), bytes(c.Total))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, st := range []fsstore.State{fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Failed} {
		if err := a.shortList(ctx, cache, st, c.Jobs[st]); err != nil {
			return err
		}
	}
	return nil
}

// hits says how often artifacts were served.
func hits(n int64) string {
	if n == 1 {
		return "1 hit"
	}
	return fmt.Sprintf("%d hits", n)
}

const shortRows = 10

// shortList shows the first jobs of a directory that has n.
func (a *app) shortList(ctx context.Context, c operate.Cache, st fsstore.State, n int) error {
	if n == 0 {
		return nil
	}
	list, err := c.Jobs(ctx, st, operate.Page{Limit: shortRows})
	if err != nil || len(list.Jobs) == 0 {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s/\n", st)
	if err := a.jobTable(st, list.Each()); err != nil {
		return err
	}
	if more := n - shortRows; more > 0 {
		fmt.Fprintf(a.stdout, "and %d more: fromcache ls %s\n", more, st)
	}
	return nil
}

// listArtifacts prints what is held. Meta files that can't be read are reported at the end, and
// make the exit status 1.
func (a *app) listArtifacts(ctx context.Context, c operate.Cache, asJSON bool) error {
	rows := table{w: a.stdout}
	write := func(art operate.Artifact) error { return printJSON(a.stdout, art) }
	if !asJSON {
		rows.add("KEY", "SIZE", "HITS", "MISSES", "FETCHED", "SHA256", "URL") //nolint:errcheck // it is kept
		write = func(art operate.Artifact) error { return rows.add(artifactCells(&art)...) }
	}
	var bad []error
	for art, err := range operate.EachArtifact(ctx, c, "") {
		switch {
		case err != nil && art.Key == "":
			return err
		case err != nil:
			bad = append(bad, err)
			continue
		}
		if err := write(art); err != nil {
			return err
		}
	}
	if err := rows.flush(); err != nil {
		return err
	}
	return a.reportAll(bad)
}

func artifactCells(art *operate.Artifact) []string {
	digest := art.SHA256[:min(12, len(art.SHA256))]
	return []string{
		printable(art.Key), bytes(art.Size), strconv.FormatInt(art.Hits, 10), times(art.Misses, art.AtLeast),
		when(art.Fetched), printable(digest), printable(art.URL),
	}
}
