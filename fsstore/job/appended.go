package job

import (
	"bytes"
	"strings"
)

// Appended is what was appended to a job's file after a claim has read it.
type Appended struct {
	Options string // lines of options below the job's own URL
	URLs    string // lines of other URLs, and what belongs to each
	Rest    []byte // all but URLs: the log, the options too
}

// SplitAppended splits what was appended to the file of the URL own, by its worker and by people. A
// line that is no event belongs to the URL above it, as for Parse.
func SplitAppended(tail []byte, own string) (a Appended) {
	other := false
	for line := range bytes.SplitAfterSeq(tail, []byte("\n")) {
		text := strings.Trim(string(line), " \t\r\n")
		word, _ := cutWord(text)
		switch {
		case text == "" || text[0] == '#' || isEvent(word):
		case strings.Contains(word, "://"):
			if other = text != own; other {
				a.URLs += text + "\n"
				continue
			}
		case other:
			a.URLs += text + "\n"
			continue
		case optionOf(text) != "":
			a.Options += text + "\n"
		}
		a.Rest = append(a.Rest, line...)
	}
	return a
}

func isEvent(word string) bool {
	_, ok := parseTime(word)
	return ok
}
