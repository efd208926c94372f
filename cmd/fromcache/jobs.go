package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// jobTable prints the columns that matter in a state.
func (a *app) jobTable(st fsstore.State, jobs iter.Seq2[operate.Job, error]) error {
	w := columns(a.stdout)
	switch st {
	case fsstore.Misses:
		fmt.Fprintln(w, "KEY\tASKED\tCLIENTS\tLAST\tURL")
	case fsstore.Active:
		fmt.Fprintln(w, "KEY\tFETCHED\tURL\tSTATE")
	default:
		fmt.Fprintln(w, "NAME\tSINCE\tURL\tSTATE")
	}
	for j, err := range jobs {
		if err != nil {
			return err
		}
		writeJob(w, &j)
	}
	return w.Flush()
}

func writeJob(w io.Writer, r *operate.Job) {
	url := cmp.Or(r.URL, "-")
	if n := len(r.Variants); n > 1 {
		url = fmt.Sprintf("%s (one of %d URLs: fromcache why URL)", url, n)
	}
	if r.URLs > 0 {
		url = fmt.Sprintf("%d URLs", r.URLs)
	}
	var row []string
	switch r.State {
	case fsstore.Misses:
		row = []string{r.Name, times(r.Misses, r.AtLeast), strconv.Itoa(r.Clients), whenKnown(r.Last), withNote(url, r.Note)}
	case fsstore.Active:
		row = []string{cmp.Or(r.Key, r.Name), fetched(r.Part, r.Total), url, cmp.Or(r.Note, r.Event, "claimed")}
	default:
		row = []string{r.Name, whenKnown(r.At), url, state(r)}
	}
	for i := range row {
		row[i] = printable(row[i])
	}
	fmt.Fprintln(w, strings.Join(row, "\t"))
}

// state says in a few words why the job is where it is.
func state(r *operate.Job) string {
	switch {
	case r.Note != "":
		return r.Note
	case r.Reason != "" && r.State != fsstore.Queue:
		return r.Reason
	}
	if r.Size != nil && r.Unchanged {
		return "unchanged, " + bytes(*r.Size)
	}
	if r.Size != nil {
		return bytes(*r.Size)
	}
	return cmp.Or(r.Event, "-")
}

// fetched is how much of a download has come. A total of 0 is unknown.
func fetched(part, total int64) string {
	if total > 0 {
		return fmt.Sprintf("%s of %s (%d%%)", bytes(part), bytes(total), part*100/total)
	}
	return bytes(part)
}

func times(n int, atLeast bool) string {
	if atLeast {
		return "≥" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func withNote(url, note string) string {
	if note != "" {
		return url + " (" + note + ")"
	}
	return url
}

func whenKnown(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}
