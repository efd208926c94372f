package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
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
func approveShown(ctx context.Context, c operate.Cache, f file) (note string, err error) {
	j, err := c.Job(ctx, fsstore.Misses, f.name)
	if err != nil {
		return "", err
	}
	v := shownOf(&j, f)
	if len(j.Variants) > 1 {
		note = fmt.Sprintf("  %s, one of %d URLs that are recorded\n", printable(v.URL), len(j.Variants))
	}
	return note, c.Approve(ctx, fsstore.Shown{Name: f.name, Sum: v.Sum})
}

// shownOf returns the URL of a miss that an operand names. One that the miss does not hold has the
// operand's sum, so that Approve refuses it.
func shownOf(j *operate.Job, f file) operate.Variant {
	whole := ""
	if u, err := key.FetchURL(f.url); err == nil {
		whole = job.URLSum(u)
	}
	all := j.Variants
	if len(all) == 0 {
		all = []operate.Variant{{URL: j.URL, Sum: j.Sum}}
	}
	var fits []operate.Variant
	for _, v := range all {
		switch {
		case f.sum != "" && strings.HasPrefix(v.Sum, f.sum), v.Sum != "" && v.Sum == whole:
			return v
		case f.url != "" && (v.URL == f.url || key.Redact(v.URL) == f.url):
			fits = append(fits, v)
		}
	}
	if len(fits) == 1 {
		return fits[0]
	}
	if f.sum != "" {
		return operate.Variant{Sum: f.sum}
	}
	i := slices.IndexFunc(all, func(v operate.Variant) bool { return v.Sum == j.Sum })
	return all[max(i, 0)]
}

// explainVariants shows the URLs of a miss that has several, and how to approve one.
func explainVariants(w io.Writer, j *operate.Job) {
	if j.State != fsstore.Misses || len(j.Variants) < 2 {
		return
	}
	fmt.Fprintf(w, "\t%d URLs, which differ in %s; approve one: fromcache approve KEY@SUM\n", len(j.Variants), printable(j.Differ))
	for _, v := range j.Variants {
		asked := strings.TrimSpace(v.URL + "  " + v.Addr + " " + v.Tool)
		fmt.Fprintf(w, "\t@%.*s\t%s\n", shortSum, v.Sum, printable(asked))
	}
}
