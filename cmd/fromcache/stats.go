package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

func statsCommand(a *app) *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:   "stats",
		Short: "Print what was served, fetched, hit and missed, day by day",
		Long: `Print what the page of plots shows: the numbers of each day, the artifacts that saved the most bytes,
and the misses that were asked for most.`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.stats(c.Context(), days) },
	}
	c.Flags().IntVar(&days, "days", 90, "go `N` days back")
	return c
}

func (a *app) stats(ctx context.Context, days int) error {
	if days < 1 || days > 3660 {
		return usagef("--days %d: give 1 to 3660", days)
	}
	c, err := a.openCache()
	if err != nil {
		return err
	}
	s, err := c.Stats(ctx, days)
	if err != nil {
		return err
	}
	if err := a.printDays(s.Days); err != nil {
		return err
	}
	if err := a.printSaved(s.Saved); err != nil {
		return err
	}
	return a.printCostly(s.Costly)
}

func (a *app) printDays(list []fsstore.Day) error {
	w := columns(a.stdout)
	fmt.Fprintln(w, "day\tserved\tfetched\thits\tmisses")
	sum := fsstore.Day{Date: "in all", N: map[string]int64{}}
	line := func(d fsstore.Day) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", printable(d.Date),
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

func (a *app) printSaved(list []operate.Saving) error {
	if len(list) == 0 {
		return nil
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "\nsaved most\thits\tsize\t")
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", bytes(v.Hits*v.Size), v.Hits, bytes(v.Size), printable(v.URL))
	}
	return w.Flush()
}

func (a *app) printCostly(list []operate.Cost) error {
	if len(list) == 0 {
		return nil
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "\nmisses that cost most\t")
	for _, v := range list {
		fmt.Fprintf(w, "%d\t%s\n", v.Asked, printable(v.URL))
	}
	return w.Flush()
}
