package key

import (
	"fmt"
	"slices"
	"strings"
)

// HostRules is what an operator says of the query parameters of a host, in lines that read "drop NAME", "keep NAME", "drop all" or
// "keep all". A name is the whole of what stands before the "=", as it is written in the URL. Keep goes before drop, and both
// before the table of signatures. nil says nothing.
type HostRules struct {
	dropAll, keepAll bool
	drop, keep       []string
}

// Flaw is a line that can't be taken.
type Flaw struct {
	N   int    // counted from 1
	Why string // in plain words, with what to do
}

// byOperator is who drops a parameter for an operator's line.
const byOperator = "an operator's line"

// ParseHostRules reads such lines; "#" begins a comment, and blank lines say nothing. A flaw changes nothing: what is not well said
// must not merge two URLs.
func ParseHostRules(text string) (*HostRules, []Flaw) {
	o := &HostRules{}
	var flaws []Flaw
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		word := strings.Fields(line)
		if len(word) == 0 {
			continue
		}
		if why := o.take(word); why != "" {
			flaws = append(flaws, Flaw{n, why})
		}
	}
	return o, flaws
}

// take takes the words of a line, or says what is wrong with them.
func (o *HostRules) take(word []string) string {
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
		o.dropAll = true
	case name == "all":
		o.keepAll = true
	case word[0] == "drop":
		o.drop = append(o.drop, name)
	default:
		o.keep = append(o.keep, name)
	}
	return ""
}

// Join is what two operators' files say together. Either may be nil.
func (o *HostRules) Join(p *HostRules) *HostRules {
	switch {
	case o == nil:
		return p
	case p == nil:
		return o
	}
	return &HostRules{o.dropAll || p.dropAll, o.keepAll || p.keepAll, slices.Concat(o.drop, p.drop), slices.Concat(o.keep, p.keep)}
}

// dropsAll: nothing of any query stays, however long it is.
func (o *HostRules) dropsAll() bool { return o != nil && o.dropAll && !o.keepAll && len(o.keep) == 0 }

func (o *HostRules) keeps(name string) bool { return o.keepAll || slices.Contains(o.keep, name) }

func (o *HostRules) drops(name string) bool { return o.dropAll || slices.Contains(o.drop, name) }
