package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// shortSum is how many digits of a sum are printed, and the fewest that are accepted. Sums tell the
// several URLs of one miss apart.
const shortSum = 12

// isSum reports whether s may be the beginning of a URL's sum, as ls and why print it.
func isSum(s string) bool {
	return len(s) >= shortSum && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// approveShown approves the URL of a miss that the operand names: the whole URL, one as ls and why
// print it, or KEY@SUM. An operand that names only the miss means the URL that ls shows at this
// moment, and the note says which that is.
func approveShown(s *fsstore.Store, f file, by fsstore.Operator) (note string, err error) {
	j, err := s.JobFile(fsstore.Misses, f.name)
	if err != nil {
		return "", err
	}
	if j.Job.URL == "" {
		return "", s.Approve(f.name, "", by) // which says what is wrong
	}
	all := j.Job.Variants()
	v, err := shownOf(all, f, j.Job.FetchURL())
	if err != nil {
		return "", err
	}
	if len(all) > 1 {
		note = fmt.Sprintf("  %s, one of %d URLs that are recorded\n", printable(key.RedactDistinct(v.URL)), len(all))
	}
	return note, s.Approve(f.name, v.Sum(), by)
}

func shownOf(all []job.Variant, f file, fetch string) (job.Variant, error) {
	var fits []job.Variant
	whole, _ := key.FetchURL(f.url)
	for _, v := range all {
		switch {
		case f.sum != "" && strings.HasPrefix(v.Sum(), f.sum), f.url != "" && v.URL == whole:
			return v, nil
		case f.url != "" && (key.Redact(v.URL) == f.url || key.RedactDistinct(v.URL) == f.url):
			fits = append(fits, v)
		}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	if f.sum != "" {
		return job.Variant{}, &fsstore.UnseenError{Name: f.name, Seen: f.sum, Noted: all}
	}
	for _, v := range all {
		if v.URL == fetch {
			return v, nil
		}
	}
	return all[0], nil
}

// variantRow is one of the URLs of a miss, in JSON.
type variantRow struct {
	URL   string     `json:"url"` // redacted
	Sum   string     `json:"sum"`
	Addr  string     `json:"addr,omitempty"` // of who asked for it first
	Tool  string     `json:"tool,omitempty"`
	First *time.Time `json:"first_asked,omitempty"`
}

func variantRows(j *job.Job) (rows []variantRow) {
	all := j.Variants()
	if len(all) < 2 {
		return nil
	}
	for _, v := range all {
		rows = append(rows, variantRow{key.RedactDistinct(v.URL), v.Sum(), v.Addr, v.Tool, timeOrNil(v.First)})
	}
	return rows
}

// explainVariants shows the URLs of a miss that has several, and how to approve one.
func explainVariants(w io.Writer, j *fsstore.JobFile) {
	all := j.Job.Variants()
	if j.State != fsstore.Misses || len(all) < 2 {
		return
	}
	differ := cmp.Or(printable(strings.Join(job.Differences(all), ", ")), "the order of their parameters")
	fmt.Fprintf(w, "\t%d URLs, which differ in %s; approve one: fromcache approve KEY@SUM\n", len(all), differ)
	for _, v := range all {
		asked := strings.TrimSpace(key.RedactDistinct(v.URL) + "  " + v.Addr + " " + v.Tool)
		fmt.Fprintf(w, "\t@%.*s\t%s\n", shortSum, v.Sum(), printable(asked))
	}
}
