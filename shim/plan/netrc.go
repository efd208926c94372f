package plan

import "strings"

// netrcKnows reports whether a .netrc has credentials for a host (lower case): an entry of its own,
// or a default. The file is read as wget reads it: words with double quotes and backslashes, # to
// the end of the line, macdef up to a blank line.
func netrcKnows(text, host string) bool {
	n := netrc{host: host}
	for line := range strings.Lines(text) {
		n.line(line)
	}
	return n.found
}

// netrc reads a .netrc.
type netrc struct {
	host  string
	last  string // the keyword whose value comes next
	found bool
}

func (n *netrc) line(line string) {
	line = strings.TrimLeft(line, blanks)
	if n.last == "macdef" {
		if line == "" {
			n.last = ""
		}
		return
	}
	for line != "" && line[0] != '#' && n.last != "macdef" {
		var word string
		word, line = netrcWord(line)
		line = strings.TrimLeft(line, blanks)
		n.word(word)
	}
}

func (n *netrc) word(w string) {
	if n.last != "" {
		n.found = n.found || n.last == "machine" && strings.ToLower(w) == n.host
		n.last = ""
		return
	}
	switch w {
	case "default":
		n.found = true
	case "machine", "login", "password", "account", "macdef", "port", "force":
		n.last = w
	}
}

// netrcWord takes the first word of a line that does not begin with a blank.
func netrcWord(line string) (word, rest string) {
	stop, i := blanks, 0
	if line[0] == '"' {
		stop, i = `"`, 1
	}
	var out []byte
	for ; i < len(line) && strings.IndexByte(stop, line[i]) < 0; i++ {
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		out = append(out, line[i])
	}
	if i < len(line) {
		i++
	}
	return string(out), line[i:]
}
