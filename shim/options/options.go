// Package options is what the shim knows about the command lines of curl and wget: every option of
// 159 releases of the two tools, with its letter, whether it takes a value, since when it exists,
// and what its presence means for a call that a cache might answer.
//
// The two tables are facts about other people's programs, not decisions taken at run time: nothing
// is parsed out of --help. They are plain composite literals of constants, so the linker lays them
// out and no code runs for them at start. Both are sorted by name, which Long and Prefix rely on
// and a test checks; a new option is a new row.
//
// An option that is missing here makes the shim step aside, so an outdated table costs downloads
// and breaks nothing.
package options

import "strings"

// Kind says whether an option takes a value, and how.
type Kind uint8

// The kinds of option.
const (
	None     Kind = iota // takes no value and has no --no- form
	Bool                 // a switch with a --no- form; wget's take a value only after "="
	BoolOnly             // a switch of wget that has a name of its own for the opposite
	Value                // takes the rest of its word or else the next word
	Optional             // curl's --help: a word may follow, and nothing is transferred in any case
)

// Class says what an option means for a call that a cache might answer.
type Class byte

// The classes.
const (
	N Class = 'N' // neutral: the answer's bytes do not depend on it
	X Class = 'X' // information: prints and ends
	M Class = 'M' // another method, or a body
	H Class = 'H' // shows the header of the answer
	E Class = 'E' // shows facts of the URL or of the connection
	R Class = 'R' // asks for a part: needs a cache that serves ranges
	A Class = 'A' // credentials, cookies
	V Class = 'V' // the value decides
	C Class = 'C' // conditional on what the origin holds now
	F Class = 'F' // file names that the server or the URL's path chooses
	D Class = 'D' // fetches trees
	I Class = 'I' // takes URLs or options from elsewhere
	P Class = 'P' // chooses the way to the server
	S Class = 'S' // constrains the connection, or says how the server must prove itself
	T Class = 'T' // depends on how the answer is framed: coded in chunks, or with a length
	G Class = 'G' // changes how the other words are read
	U Class = 'U' // is a URL
)

// Reason says why an option of class c lets a call pass, as the end of a sentence; empty for N and U.
func (c Class) Reason() string { return reasons[c] }

var reasons = ['Z' + 1]string{
	X: "prints information",
	M: "sends a body or another method",
	H: "shows the header",
	E: "shows facts of the URL",
	A: "carries credentials",
	V: "has a value that counts",
	C: "depends on what the origin holds now",
	F: "lets the server choose names",
	D: "fetches more than the URL",
	I: "takes URLs or options from elsewhere",
	P: "chooses the way to the server",
	R: "asks for a part",
	S: "constrains the connection",
	T: "depends on how the origin frames its answer",
	G: "changes how the URL is read",
}

// Option is one row. Since and Until are releases of the tool, empty for "before the oldest that
// was looked at" and "still there"; Until is the last release that had it.
type Option struct {
	Name  string // without the leading --
	Short byte   // the letter, or 0
	Kind  Kind
	Class Class
	Since string
	Until string
	RC    string // wget: its name in a wgetrc where that is not Name without dashes; "-" for none
}

// TakesValue reports whether the option takes the rest of its word or the next one.
func (o *Option) TakesValue() bool { return o.Kind == Value }

// Long returns the option of that exact name, nil if the table, sorted by name, has none.
func Long(table []Option, name string) *Option {
	if i, found := search(table, name); found {
		return &table[i]
	}
	return nil
}

// Letter returns the option with that letter, the living one where an older option had the same;
// nil if there is none.
func Letter(table []Option, c byte) *Option {
	var found *Option
	for i := range table {
		if o := &table[i]; c != 0 && o.Short == c && (found == nil || found.Until != "") {
			found = o
		}
	}
	return found
}

// Prefix returns the options whose names begin with p, in order.
func Prefix(table []Option, p string) []Option {
	first, _ := search(table, p)
	end := first
	for end < len(table) && strings.HasPrefix(table[end].Name, p) {
		end++
	}
	return table[first:end]
}

// search returns the first place whose name is not before name, and whether it is name. It is no
// call of package slices because that adds four kilobytes to the program.
func search(table []Option, name string) (int, bool) {
	lo, hi := 0, len(table)
	for lo < hi {
		if mid := (lo + hi) / 2; table[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(table) && table[lo].Name == name
}

// RCName returns the option's name in a wgetrc, lower case without dashes, or "" if it has none
// there.
func (o *Option) RCName() string {
	if o.RC == "-" {
		return ""
	}
	if o.RC != "" {
		return o.RC
	}
	return Bare(o.Name)
}

// Bare returns s in lower case without - and _, the form in which wget(1) compares the names of a
// wgetrc.
func Bare(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(s), "-", ""), "_", "")
}
