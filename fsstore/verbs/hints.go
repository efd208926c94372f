package verbs

import (
	"fmt"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// Hints are what a person should know of a URL before it is approved, in words:
// what becomes of its query and by whose word, that its name means whatever is
// newest, and the line that would make one artifact of it and of others that
// differ in what looks like a signature of an unknown kind. others are URLs that
// were asked for, too.
func (s *Verbs) Hints(rawURL string, others func(yield func(string) bool)) (hints []string) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return nil
	}
	if strings.Contains(u.Whole(), "?") {
		hints = append(hints, s.queries.RuleInWords(rawURL))
	}
	if word := u.Moving(); word != "" {
		hints = append(hints, movingInWords(word))
	}
	for other := range others {
		v, err := s.queries.Parse(other)
		if err != nil || v.Sum() == u.Sum() {
			continue
		}
		name := key.ChangingParam(u.String(), v.String())
		if _, flaws := key.ParseHostRules("drop " + name); name != "" && name != "all" && len(flaws) == 0 { // clients choose names
			return append(hints, s.ownLine(u, name))
		}
	}
	return hints
}

func movingInWords(word string) string {
	return fmt.Sprintf("it names no version (%s): once held it stays as it is, until it is fetched again", shorten(word))
}

// ownLine is the line by which an operator says that a parameter chooses nothing.
func (s *Verbs) ownLine(u key.URL, name string) string {
	dir := s.tree.Root
	if strings.HasPrefix(dir, "-") {
		dir = "./" + dir
	}
	line := "echo " + quote("drop "+name) + " >> " + quote(dir+"/queries/"+u.Host())
	return fmt.Sprintf("others were asked for that differ from it in %s alone; if that chooses nothing, make one artifact of them: %s", shorten(name), line)
}

func shorten(s string) string { return s[:min(len(s), 60)] }

// maxBeside is how many misses of one host and name are looked at.
const maxBeside = 100

// NotedBeside yields the URLs in misses/ that may be of the same path, by their
// names.
func (s *Verbs) NotedBeside(u key.URL) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		prefix := key.OldName(u.Key())
		prefix = prefix[:len(prefix)-len("0123456789abcdef")]
		names, _ := s.tree.Names(string(tree.Misses))
		read := 0
		for _, name := range names {
			if !strings.HasPrefix(name, prefix) || read == maxBeside {
				continue
			}
			read++
			if j, err := s.spool.JobFile(tree.Misses, name); err == nil && !yield(j.Job.URL) {
				return
			}
		}
	}
}

// quote makes one word of s for a POSIX shell (XCU 2.2.2): bare where it holds
// nothing that a shell might take for more, else in single quotes, in which
// only the quote itself is special.
func quote(s string) string {
	special := func(r rune) bool {
		return r > 0x7e || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-:@%,", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
