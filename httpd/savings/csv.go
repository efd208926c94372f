package savings

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"fromcache/fsstore"
)

// Tables are the names of a Report's tables.
var Tables = []string{"day", "host", "network", "artifact"}

// IsTable reports whether a Report has a table of that name.
func IsTable(name string) bool { return slices.Contains(Tables, name) }

// WriteCSV writes a table as CSV (RFC 4180) with a line of headings. Numbers are in bytes, downloads
// and bytes a second.
func (r *Report) WriteCSV(to io.Writer, table string) error {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	switch table {
	case "day":
		w.Write([]string{"day", "served_bytes", "fetched_bytes", "saved_bytes", "hits", "misses"})
		for _, d := range r.Days {
			w.Write([]string{cell(d.Date), number(d.Served), number(d.Fetched), number(d.Saved()), number(d.Hits), number(d.Misses)})
		}
	case "host":
		w.Write([]string{"host", "served_bytes", "fetched_bytes", "saved_bytes", "hits", "origin_bytes_per_second"})
		for _, s := range r.Hosts {
			w.Write([]string{cell(s.Label()), number(s.Served), number(s.Fetched), number(s.Saved()), number(s.Hits), number(s.Rate)})
		}
	case "network":
		w.Write([]string{"network", "served_bytes", "hits"})
		for _, s := range r.Networks {
			w.Write([]string{cell(s.Label()), number(s.Served), number(s.Hits)})
		}
	default:
		w.Write([]string{"key", "url", "served_bytes", "hits"})
		for _, s := range r.Artifacts {
			w.Write([]string{cell(s.Label()), cell(s.URL), number(s.Served), number(s.Hits)})
		}
	}
	w.Flush()
	return w.Error()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// cell returns a text so that a spreadsheet takes it for no formula: one that begins as a formula
// does has an apostrophe before it.
func cell(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return "'" + s
	}
	return s
}

// Label returns the name of a share, where that is not its own in brackets, which no host, network
// or key has.
func (s *Share) Label() string {
	if s.Name == fsstore.StatsOfOthers {
		return "(others)"
	}
	return s.Name
}
