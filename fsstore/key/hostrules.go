package key

import (
	"fmt"
	"slices"
	"strings"
)

// HostRules are an operator's rules for the query parameters of a host: lines that read "drop
// NAME", "keep NAME", "drop all" or "keep all". NAME is all before the "=", as it is written in the
// URL. Keep goes before drop, and both go before the table of signatures. nil has no rule.
type HostRules struct {
	dropAll, keepAll bool
	drop, keep       []string
}

// Flaw is a line that ParseHostRules can't read.
type Flaw struct {
	N   int    // counted from 1
	Why string // in plain words, with what to do
}

// byOperator is the Dropped.By of a parameter that an operator's rule drops.
const byOperator = "an operator's line"

// ParseHostRules reads the lines of a file; "#" begins a comment, and blank lines are ignored. A
// line that it can't read changes nothing, because a mistake must not make two URLs one.
func ParseHostRules(text string) (*HostRules, []Flaw) {
	r := &HostRules{}
	var flaws []Flaw
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		word := strings.Fields(line)
		if len(word) == 0 {
			continue
		}
		if why := r.add(word); why != "" {
			flaws = append(flaws, Flaw{n, why})
		}
	}
	return r, flaws
}

// add adds the rule in the words of a line, or returns what is wrong with them.
func (r *HostRules) add(word []string) string {
	if len(word) != 2 || word[0] != "drop" && word[0] != "keep" {
		return `it is none of "drop NAME", "keep NAME" and "drop all": write one of them, in lower case`
	}
	name := word[1]
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= 0x20 || c >= 0x7f || strings.IndexByte("&=?", c) >= 0 {
			return fmt.Sprintf("a name holds no %q: write what stands before the = in the URL", c)
		}
	}
	switch {
	case name == "all" && word[0] == "drop":
		r.dropAll = true
	case name == "all":
		r.keepAll = true
	case word[0] == "drop":
		r.drop = append(r.drop, name)
	default:
		r.keep = append(r.keep, name)
	}
	return ""
}

// Join returns the rules of both. Either may be nil.
func (r *HostRules) Join(p *HostRules) *HostRules {
	switch {
	case r == nil:
		return p
	case p == nil:
		return r
	}
	return &HostRules{r.dropAll || p.dropAll, r.keepAll || p.keepAll, slices.Concat(r.drop, p.drop), slices.Concat(r.keep, p.keep)}
}

// dropsAll reports whether every query is dropped whole, however long it is.
func (r *HostRules) dropsAll() bool { return r != nil && r.dropAll && !r.keepAll && len(r.keep) == 0 }

func (r *HostRules) keeps(name string) bool { return r.keepAll || slices.Contains(r.keep, name) }

func (r *HostRules) drops(name string) bool { return r.dropAll || slices.Contains(r.drop, name) }
