package job

import (
	"errors"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/key"
)

// maxBadText is how many bytes of a bad line BadLine keeps.
const maxBadText = 80

// byteOrderMark begins the files of some editors.
const byteOrderMark = "\ufeff"

// File is the content of a job file.
type File struct {
	Jobs []Job     // one for each URL, in order; a batch has several
	Bad  []BadLine // lines that are no URL, option or event
}

// BadLine is a line that Parse could not read.
type BadLine struct {
	N    int    // from 1
	Text string // printable, at most 80 bytes; it may carry a signature
	Why  string // in plain words, with what to do
}

// Parse reads a job file. It reads any bytes and never fails: a line that is no URL, option or
// event goes to Bad. It takes time in proportion to len(b). A URL that occurs twice makes one job.
func Parse(b []byte) File {
	p := parser{size: len(b)}
	text := strings.TrimPrefix(string(b), byteOrderMark)
	for more := text != ""; more; {
		var line string
		line, text, more = strings.Cut(text, "\n")
		p.n++
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if why := p.line(line); why != "" {
			bad := BadLine{N: p.n, Text: clean(line[:min(len(line), maxBadText)]), Why: why}
			p.file.Bad = append(p.file.Bad, bad)
			if j, word := p.job(), optionOf(line); word != "" && !p.orphan && !slices.ContainsFunc(j.Flaws, isOf(word)) { //guard:TestParseFlaw
				bad.Text = strings.Clone(bad.Text) // a view keeps it longer than the file's text
				j.Flaws = append(j.Flaws, bad)
			}
		}
	}
	return p.file
}

type parser struct {
	file   File
	first  Job            // what stands before the first URL
	seen   map[string]int // the index of a URL's job
	at     int            // the job that lines belong to
	orphan bool           // the URL above was refused: its options belong to no job
	size   int
	n      int // line number
}

// line reads one line, or returns why it can't.
func (p *parser) line(s string) string {
	word, rest := cutWord(s)
	switch {
	case slices.Contains(options, word):
		if p.orphan {
			return "belongs to the URL above, which was not taken: mend that first"
		}
		return p.job().option(word, rest)
	case hasScheme(s):
		return p.url(s)
	case '0' <= s[0] && s[0] <= '9':
		if t, ok := parseTime(word); ok {
			return p.event(t, rest)
		}
	}
	if strings.Contains(word, "://") {
		p.orphan = true
		return "only http:// and https:// can be fetched: write such a URL, or take the line out"
	}
	return "no URL, option or event: a URL begins with http:// or https://, " +
		"an option with sha256, after or accept, a comment with #"
}

// job returns the job that a line belongs to.
func (p *parser) job() *Job {
	if len(p.file.Jobs) == 0 {
		return &p.first
	}
	return &p.file.Jobs[p.at]
}

func (p *parser) url(s string) string {
	if why := refusal(s); why != "" {
		p.orphan = true
		p.first = Job{} // the options before it were for it
		return why
	}
	p.orphan = false
	switch at, ok := p.seen[s]; {
	case ok:
		p.at = at
		return ""
	case len(p.file.Jobs) > 0:
		p.first = Job{}
	default:
		p.seen = map[string]int{}
	}
	p.first.URL, p.first.Size, p.first.Full = s, p.size, p.size >= MissRoom
	p.at = len(p.file.Jobs)
	p.seen[s] = p.at
	p.file.Jobs = append(p.file.Jobs, p.first)
	return ""
}

func (p *parser) event(t time.Time, rest string) string {
	e, why := parseEvent(rest)
	if why != "" {
		return why
	}
	e.Time = t
	p.job().Add(e)
	return ""
}

// option reads an option line, or returns why it can't.
func (j *Job) option(word, value string) string {
	switch word {
	case "sha256":
		sum, ok := parseSum(value)
		if !ok {
			return "sha256 wants 64 hex digits"
		}
		j.Sha256 = sum
	case "after":
		t, ok := parseTime(value)
		if !ok {
			return "after wants a time such as 2026-11-23T02:00:00Z"
		}
		j.After = t
	case "accept":
		switch value {
		case "text/html":
			j.AcceptHTML = true
		case "any":
			j.AcceptAny = true
		case "http":
			j.AcceptHTTP = true
		case "private":
			j.AcceptPrivate = true
		default:
			return "accept wants text/html, any, http or private"
		}
	}
	j.Flaws = slices.DeleteFunc(j.Flaws, isOf(word))
	return ""
}

var options = []string{"sha256", "after", "accept"}

// optionOf returns the option that a line is, or was meant to be (SHA256, sha256=, sha256sum), or
// "".
func optionOf(line string) string {
	for _, o := range options {
		if len(line) >= len(o) && strings.EqualFold(line[:len(o)], o) {
			return o
		}
	}
	return ""
}

func isOf(word string) func(BadLine) bool {
	return func(b BadLine) bool { return optionOf(b.Text) == word }
}

func hasScheme(s string) bool {
	return len(s) >= 7 && strings.EqualFold(s[:7], "http://") ||
		len(s) >= 8 && strings.EqualFold(s[:8], "https://")
}

// refusal returns why s has no key, or "".
func refusal(s string) string {
	_, err := key.FetchURL(s)
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*key.Error](err); ok {
		return e.Why
	}
	return err.Error()
}

// isURL reports whether s is a URL that a line may hold.
func isURL(s string) bool { return hasScheme(s) && refusal(s) == "" }

// cutWord splits s at its first space or tab.
func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// parseTime reads a time of RFC 3339 with any offset, and returns it in UTC and whole seconds.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, false
	}
	if t = t.UTC().Truncate(time.Second); t.Year() < 1 || t.Year() > 9999 {
		return t, false
	}
	return t, true
}

// parseSum reads 64 hex digits and returns them in lower case.
func parseSum(s string) (string, bool) {
	if len(s) != 64 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return "", false
	}
	return strings.ToLower(s), true
}
