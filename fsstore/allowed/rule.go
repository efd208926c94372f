// Package allowed owns allowed/: standing approvals, which are the mirror image of denied/. A file
// allowed/<host>, allowed/*.<domain> or allowed/<key> approves what is asked for there without a
// person. Lines in it narrow it:
//
//	path /compute/cuda/*   only these paths; * is any number of bytes. Several lines: any of them
//	max-size 20GiB         what is larger fails
//	budget 500GiB/30d      so much may be fetched under this rule in so long
//	until 2027-01-01       not from that day on (UTC), or from an RFC 3339 time
//	digest required        what comes without a digest of its origin's fails
//
// A file with a line that can't be taken allows nothing, because the line may have been meant to
// narrow it. Denied wins over allowed. What a rule took is read from the jobs, whose logs name it,
// so that a restart or a second server forgets nothing.
//
// The verb allow is another thing: it takes a denial back, and is Verbs.Allow in verbs/deny.go.
package allowed

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// Rule is what one file in allowed/ says.
type Rule struct {
	Name    string        // of the file
	Paths   []string      // patterns; none: every path
	MaxSize int64         // bytes; 0: no limit
	Budget  int64         // bytes in each Span; 0: no limit
	Span    time.Duration // whole days
	Until   time.Time     // zero: for ever
	Digest  bool          // the origin must name a digest
	Flaw    string        // why the file allows nothing, in words that say what to do; "": none
}

// Parse reads what a file of this name says. A name or a line that can't be taken is its Flaw.
func Parse(name, text string) Rule {
	r := Rule{Name: name, Flaw: flawOfName(name)}
	if r.Flaw != "" {
		return r
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		r.Flaw = "its last line has no end, so that more of it may be to come: end it with a newline"
		return r
	}
	n, said := 0, map[string]bool{}
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		why := r.take(words)
		if why == "" && said[words[0]] && words[0] != "path" {
			why = "there is an earlier line of " + words[0] + ": keep one"
		}
		if why != "" {
			r.Flaw = fmt.Sprintf("its line %d can't be taken: %s", n, why)
			return r
		}
		said[words[0]] = true
	}
	return r
}

// flawOfName says why a file of this name speaks for nothing, or "".
func flawOfName(name string) string {
	switch {
	case key.IsOld(name):
		return "its name is a key of an earlier server, which two URLs may share: name the host, and give a path line"
	case key.Valid(name):
		return ""
	case name == "*", name == "*.":
		return "there is no rule for every host: name hosts, or domains as *.example.com"
	case !queries.IsHostPattern(name):
		return "its name is neither a key, nor a host, nor *.<domain>, in lower case, without scheme and port: rename it"
	}
	return ""
}

// take takes one line, or returns why it can't.
func (r *Rule) take(words []string) string {
	if len(words) != 2 {
		return "a line is two words, as in `max-size 20GiB`"
	}
	var err error
	switch value := words[1]; words[0] {
	case "path":
		err = r.addPath(value)
	case "max-size":
		r.MaxSize, err = parseSize(value)
	case "budget":
		r.Budget, r.Span, err = parseBudget(value)
	case "until":
		r.Until, err = parseUntil(value)
	case "digest":
		r.Digest = true
		if value != "required" {
			err = errors.New("digest takes the word required")
		}
	default:
		return fmt.Sprintf("%.40q is none of path, max-size, budget, until and digest",
			key.RedactText(words[0]))
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// ParseSize reads a number of bytes: 20GiB, 500MB, 12G (which is GiB), 4096.
func ParseSize(v string) (int64, error) {
	if v != "" && strings.ContainsAny(v[len(v)-1:], "KMGTPkmgtp") {
		v += "iB" // humanize takes 12G for powers of ten
	}
	n, err := humanize.ParseBytes(v)
	if err == nil && n > math.MaxInt64 {
		err = strconv.ErrRange
	}
	return int64(n), err //nolint:gosec // else there is an error
}

func parseSize(v string) (int64, error) {
	n, err := ParseSize(v)
	if err != nil || n == 0 {
		return 0, errors.New("a size is a number and KiB, MiB, GiB or TiB, as in 20GiB")
	}
	return n, nil
}

// maxDays is the longest span of a budget. Budgets longer than done/ keeps jobs count too little.
const maxDays = 366

const day = 24 * time.Hour

func parseBudget(v string) (int64, time.Duration, error) {
	bytes, span, ok := strings.Cut(v, "/")
	days, err := strconv.Atoi(strings.TrimSuffix(span, "d"))
	if !ok || err != nil || !strings.HasSuffix(span, "d") || days < 1 || days > maxDays {
		return 0, 0, fmt.Errorf("a budget is a size and 1 to %d days, as in 500GiB/30d", maxDays)
	}
	n, err := parseSize(bytes)
	return n, time.Duration(days) * day, err
}

func parseUntil(v string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, v); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("until takes a day, as in 2030-01-31, or a time of RFC 3339")
}

// Days is the span of the budget.
func (r *Rule) Days() int { return int(r.Span / day) }

// Warning says what an operator should know of what a rule allows, or "".
func (r *Rule) Warning() string {
	domain, isDomain := strings.CutPrefix(r.Name, "*.")
	switch {
	case r.Flaw != "":
		return ""
	case isDomain && !strings.Contains(domain, "."):
		return "it allows every host of ." + domain + ", which anybody may have"
	case key.Valid(r.Name):
		return ""
	case r.Budget == 0 && r.MaxSize == 0:
		return "nothing but the disk bounds what it fetches: give it a budget"
	case r.Budget == 0:
		return "it has no budget: what clients ask for may fill the disk"
	}
	return ""
}

// WhyNot says why the rule does not approve a URL that its name is about, or "".
func (r *Rule) WhyNot(u key.URL, now time.Time) string {
	switch {
	case r.Flaw != "":
		return "it allows nothing: " + r.Flaw
	case !r.Until.IsZero() && !now.Before(r.Until):
		return "it was valid until " + r.Until.Format(time.RFC3339)
	case !r.allowsPath(u):
		return "none of its paths is the URL's"
	}
	return ""
}

// inWords is a number of bytes for people.
func inWords(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
