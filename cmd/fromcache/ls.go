package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// spool is every job directory, in the order in which a job walks through them.
var spool = [...]fsstore.State{
	fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
}

const artifacts = "artifacts"

func (a *app) lsCommand() *cobra.Command {
	var asJSON bool
	lists := append(completeStates(spool[:]), artifacts)
	c := &cobra.Command{
		Use:   "ls [LIST]",
		Short: "List misses, jobs or artifacts; without LIST: counts, and what waits",
		Long: `List one directory. LIST is misses, queue, active, done, failed, cancelled, denied or artifacts.
Without it ls prints how much is in each, and the first of what waits for a decision or a worker.

--json prints an object a line, for programs. URLs are shown redacted; the job files hold them whole.`,
		Args:      operands(0, 1),
		ValidArgs: lists,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && !slices.Contains(lists, args[0]) {
				return usagef("there is no list %q: give one of %s", args[0], strings.Join(lists, ", "))
			}
			s, err := a.openStore(fsstore.Options{})
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(a.stdout, 64<<10)
			err = a.withOutput(out).list(s, args, asJSON)
			return errors.Join(err, out.Flush())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) list(s *fsstore.Store, operands []string, asJSON bool) error {
	switch {
	case len(operands) == 0:
		return a.summary(s, asJSON)
	case operands[0] == artifacts:
		return a.listArtifacts(s, asJSON)
	}
	return a.listJobs(s, fsstore.State(operands[0]), asJSON)
}

// counts is the summary as programs read it.
type counts struct {
	Jobs      map[fsstore.State]int `json:"jobs"`
	Artifacts int                   `json:"artifacts"`
	Bytes     int64                 `json:"bytes"`
	Hits      int64                 `json:"hits"`
	Free      int64                 `json:"free"`
	Total     int64                 `json:"total"`
}

// summary counts everything, and shows what a person may have to decide on.
func (a *app) summary(s *fsstore.Store, asJSON bool) error {
	c, listed, err := count(s)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(c)
	}
	w := columns(a.stdout)
	for _, st := range spool {
		fmt.Fprintf(w, "%s\t%d\n", st, c.Jobs[st])
	}
	fmt.Fprintf(w, "artifacts\t%d, %s, %d hits\n", c.Artifacts, bytes(c.Bytes), c.Hits)
	fmt.Fprintf(w, "free\t%s of %s\n", bytes(c.Free), bytes(c.Total))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, st := range []fsstore.State{fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Failed} {
		if err := a.shortList(st, listed[st]); err != nil {
			return err
		}
	}
	return nil
}

func count(s *fsstore.Store) (counts, map[fsstore.State][]fsstore.JobFile, error) {
	c := counts{Jobs: map[fsstore.State]int{}}
	listed := map[fsstore.State][]fsstore.JobFile{}
	for _, st := range spool {
		jobs, err := s.Jobs(st)
		if err != nil {
			return c, nil, err
		}
		listed[st], c.Jobs[st] = jobs, len(jobs)
	}
	for art, err := range s.Artifacts() {
		if err == nil {
			c.Artifacts++
			c.Bytes += art.Size
		}
	}
	hits, err := s.AllHits()
	if err != nil {
		return c, nil, err
	}
	for _, n := range hits {
		c.Hits += n
	}
	c.Free, c.Total, err = s.Free()
	return c, listed, err
}

const shortRows = 10

func (a *app) shortList(st fsstore.State, jobs []fsstore.JobFile) error {
	if len(jobs) == 0 {
		return nil
	}
	fmt.Fprintf(a.stdout, "\n%s/\n", st)
	if err := a.jobTable(st, jobs[:min(len(jobs), shortRows)]); err != nil {
		return err
	}
	if n := len(jobs) - shortRows; n > 0 {
		fmt.Fprintf(a.stdout, "and %d more: fromcache ls %s\n", n, st)
	}
	return nil
}

func (a *app) listJobs(s *fsstore.Store, st fsstore.State, asJSON bool) error {
	jobs, err := s.Jobs(st)
	if err != nil {
		return err
	}
	if !asJSON {
		return a.jobTable(st, jobs)
	}
	out := json.NewEncoder(a.stdout)
	for i := range jobs {
		if err := out.Encode(describe(&jobs[i])); err != nil {
			return err
		}
	}
	return nil
}

// artifactRow is an artifact as programs read it: its meta, and the hits.
type artifactRow struct {
	*fsstore.Artifact
	Hits int64 `json:"hits"`
}

// listArtifacts prints what is held. Meta files that can't be read are reported at the end, and
// make the exit status 1.
func (a *app) listArtifacts(s *fsstore.Store, asJSON bool) error {
	hits, err := s.AllHits()
	if err != nil {
		return err
	}
	out, w := json.NewEncoder(a.stdout), columns(a.stdout)
	if !asJSON {
		fmt.Fprintln(w, "KEY\tSIZE\tHITS\tMISSES\tFETCHED\tSHA256\tURL")
	}
	var bad []error
	for art, err := range s.Artifacts() {
		switch {
		case err != nil:
			bad = append(bad, err)
		case asJSON:
			if err := out.Encode(artifactRow{art, hits[art.Key]}); err != nil {
				return err
			}
		default:
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%.12s\t%s\n", art.Key, bytes(art.Size), hits[art.Key],
				times(art.Misses, art.AtLeast), when(art.Fetched), art.SHA256, key.Redact(art.URL))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.reportAll(bad)
}
