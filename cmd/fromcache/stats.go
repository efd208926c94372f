package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

func (a *app) statsCommand() *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:   "stats",
		Short: "Print what was served, fetched, hit and missed, day by day",
		Long: `Print what the page of plots shows: the numbers of each day, the artifacts that saved the most bytes,
and the misses that were asked for most.`,
		Args: operands(0, 0),
		RunE: func(*cobra.Command, []string) error { return a.stats(days) },
	}
	c.Flags().IntVar(&days, "days", 90, "go `N` days back")
	return c
}

func (a *app) stats(days int) error {
	if days < 1 || days > 3660 {
		return usagef("--days %d: give 1 to 3660", days)
	}
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return err
	}
	list, err := s.Stats(days)
	if err != nil {
		return err
	}
	if err := a.printDays(list); err != nil {
		return err
	}
	if err := a.printSaved(s); err != nil {
		return err
	}
	return a.printCostly(s)
}

func (a *app) printDays(list []fsstore.Day) error {
	w := columns(a.stdout)
	fmt.Fprintln(w, "day\tserved\tfetched\thits\tmisses")
	sum := fsstore.Day{Date: "in all", N: map[string]int64{}}
	line := func(d fsstore.Day) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", d.Date,
			bytes(d.N[fsstore.StatServedBytes]), bytes(d.N[fsstore.StatFetchedBytes]), d.N[fsstore.StatHits], d.N[fsstore.StatMisses])
	}
	for _, d := range list {
		if d.IsQuiet() {
			continue
		}
		line(d)
		for name, n := range d.N {
			sum.N[name] += n
		}
	}
	line(sum)
	return w.Flush()
}

const topRows = 10

func (a *app) printSaved(s *fsstore.Store) error {
	hits, err := s.AllHits()
	if err != nil {
		return err
	}
	type saving struct {
		url     string
		n, size int64
	}
	var list []saving
	for art, err := range s.Artifacts() {
		if err == nil && hits[art.Key] > 0 {
			list = append(list, saving{art.URL, hits[art.Key], art.Size})
		}
	}
	slices.SortFunc(list, func(a, b saving) int {
		return cmp.Or(cmp.Compare(b.n*b.size, a.n*a.size), strings.Compare(a.url, b.url))
	})
	if len(list) == 0 {
		return nil
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "\nsaved most\thits\tsize\t")
	for _, v := range list[:min(topRows, len(list))] {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", bytes(v.n*v.size), v.n, bytes(v.size), printable(v.url))
	}
	return w.Flush()
}

func (a *app) printCostly(s *fsstore.Store) error {
	jobs, err := s.Jobs(fsstore.Misses)
	if err != nil {
		return err
	}
	asked := func(j *fsstore.JobFile) int { n, _ := j.Job.Misses(); return n }
	slices.SortStableFunc(jobs, func(a, b fsstore.JobFile) int { return cmp.Compare(asked(&b), asked(&a)) })
	if len(jobs) == 0 {
		return nil
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "\nmisses that cost most\t")
	for i := range jobs[:min(topRows, len(jobs))] {
		fmt.Fprintf(w, "%d\t%s\n", asked(&jobs[i]), printable(key.Redact(jobs[i].Job.FetchURL())))
	}
	return w.Flush()
}
