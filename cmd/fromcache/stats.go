package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
	"fromcache/httpd/savings"
)

func statsCommand(a *app) *cobra.Command {
	var days int
	var table string
	c := &cobra.Command{
		Use:   "stats",
		Short: "Print what the cache saved, and what it served, fetched, hit and missed, day by day",
		Long: `Print what the page of savings shows: the numbers of each day, what origins did not have to send,
by host and client network, what it costs that nobody has decided, the artifacts that saved the
most bytes, and the misses that were asked for most. Times are told by the rate that origins had
in the last 90 days. --csv prints one table whole, for a spreadsheet (RFC 4180).`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.stats(c.Context(), days, table) },
	}
	c.Flags().IntVar(&days, "days", 90, "go `N` days back")
	c.Flags().StringVar(&table, "csv", "", "print a `TABLE` as CSV: day, host, network or artifact")
	return c
}

func (a *app) stats(ctx context.Context, days int, table string) error {
	if days < 1 || days > 3660 {
		return usagef("--days %d: give 1 to 3660", days)
	}
	if table != "" && !savings.IsTable(table) {
		return usagef("--csv %q: give one of %s", table, strings.Join(savings.Tables, ", "))
	}
	c, err := a.openCache()
	if err != nil {
		return err
	}
	s, err := c.Stats(ctx, days)
	if err != nil {
		return err
	}
	if s.Report == nil {
		if table != "" {
			return errors.New("this server is older and has no such table")
		}
		s.Report = savings.Of(s.Days, days)
	}
	if table != "" {
		return s.Report.WriteCSV(a.stdout, table)
	}
	return errors.Join(printDays(a.stdout, s.Days), printSavings(a.stdout, s.Report, &s.Undecided), printShares(a.stdout, "host", s.Report.Hosts),
		printShares(a.stdout, "client network", s.Report.Networks), printSaved(a.stdout, s.Saved), printCostly(a.stdout, s.Costly))
}

// printSavings prints the headline of the page of savings.
func printSavings(out io.Writer, r *savings.Report, u *savings.Undecided) error {
	w := columns(out)
	saved := "nothing yet"
	if n := r.Sum.Saved(); n > 0 {
		saved = bytes(n)
	}
	fmt.Fprintf(w, "\nnot downloaded\t%s\t%s served, %s fetched\n", saved, bytes(r.Sum.Served), bytes(r.Sum.Fetched))
	fmt.Fprintf(w, "downloads not made\t%d\t%d went to origins: misses\n", r.Sum.Hits, r.Sum.Misses)
	if n, known := r.Seconds(); known {
		fmt.Fprintf(w, "time not waited\t%s\tat %s/s, which origins had\n", savings.Duration(n), bytes(r.Rate))
	} else {
		fmt.Fprintln(w, "time not waited\tnot known\tit is, once a download was timed and more was served than fetched")
	}
	fmt.Fprintf(w, "not decided\t%d\tasked for %d times\n", u.Waiting, u.Asked)
	fmt.Fprintf(w, "decided late\t%s\tin %d downloads, before what is held was\n", bytes(u.Bytes), u.Late)
	return w.Flush()
}

// mostShares is how many rows of a table are printed; --csv prints all.
const mostShares = 10

func printShares(out io.Writer, what string, list []savings.Share) error {
	if len(list) == 0 {
		return nil
	}
	w := columns(out)
	fmt.Fprintf(w, "\n%s\tserved\thits\n", what)
	for i := range list[:min(mostShares, len(list))] {
		s := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%d\n", printable(s.Label()), bytes(s.Served), s.Hits)
	}
	return w.Flush()
}

func printDays(out io.Writer, list []fsstore.Day) error {
	w := columns(out)
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

func printSaved(out io.Writer, list []operate.Saving) error {
	if len(list) == 0 {
		return nil
	}
	w := columns(out)
	fmt.Fprintln(w, "\nsaved most\thits\tsize\t")
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", bytes(v.Hits*v.Size), v.Hits, bytes(v.Size), printable(v.URL))
	}
	return w.Flush()
}

func printCostly(out io.Writer, list []operate.Cost) error {
	if len(list) == 0 {
		return nil
	}
	w := columns(out)
	fmt.Fprintln(w, "\nmisses that cost most\t")
	for _, v := range list {
		fmt.Fprintf(w, "%d\t%s\n", v.Asked, printable(v.URL))
	}
	return w.Flush()
}
