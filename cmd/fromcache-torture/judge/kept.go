package judge

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Text is the row as a file for people and ParseRow: a word and what it says, a
// line each.
//
//	part      powercut
//	threat    2 power cut
//	commit    49dbe85ab7a3
//	date      2026-11-23T03:14:46Z
//	took      9m40s
//	tried     500 cuts of ext4
//	violated  a line each
//	note      a line each
func (r *Row) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	line := func(word, text string) { fmt.Fprintf(&b, "%-9s %s\n", word, oneLine.Replace(text)) }
	line("part", r.Part)
	line("threat", r.Threat)
	line("commit", r.Commit)
	line("date", r.Date.Format(time.RFC3339))
	line("took", r.took.Round(time.Millisecond).String())
	for _, k := range r.kinds {
		line("tried", fmt.Sprint(r.cases[k], " ", k))
	}
	for _, v := range r.violations {
		line("violated", v)
	}
	for _, n := range r.notes {
		line("note", n)
	}
	return b.String()
}

var (
	oneLine   = strings.NewReplacer("\\", `\\`, "\n", `\n`)
	manyLines = strings.NewReplacer(`\\`, "\\", `\n`, "\n")
)

// ParseRow reads what Text wrote.
func ParseRow(text string) (*Row, error) {
	r := NewRow("", "")
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if err := r.take(word, manyLines.Replace(strings.TrimLeft(rest, " "))); err != nil {
			return nil, fmt.Errorf("row: %q: %w", line, err)
		}
	}
	return r, nil
}

func (r *Row) take(word, rest string) (err error) {
	switch word {
	case "part":
		r.Part = rest
	case "threat":
		r.Threat = rest
	case "commit":
		r.Commit = rest
	case "date":
		r.Date, err = time.Parse(time.RFC3339, rest)
	case "took":
		r.took, err = time.ParseDuration(rest)
	case "tried":
		count, kind, _ := strings.Cut(rest, " ")
		var n int
		if n, err = strconv.Atoi(count); err == nil {
			r.Tried(kind, n)
		}
	case "violated":
		r.Violated("%s", rest)
	case "note":
		r.Note("%s", rest)
	default:
		return fmt.Errorf("the word %q is not known", word)
	}
	return err
}
