package verbs

import (
	"fmt"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// Hints returns, in words, what a person should know of a URL before it is approved: what becomes
// of its query and by which rule, that its name means the newest version, and the line for
// queries/ that would make one artifact of it and others. others are URLs that were asked for,
// too.
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
		_, flaws := key.ParseHostRules("drop " + name) // clients choose names
		if name != "" && name != "all" && len(flaws) == 0 {
			return append(hints, s.dropHint(u, name))
		}
	}
	return hints
}

func movingInWords(word string) string {
	return fmt.Sprintf("it names no version (%s): once held it stays as it is, until it is fetched "+
		"again", shorten(word))
}

// dropHint says how an operator leaves a parameter out of the key.
func (s *Verbs) dropHint(u key.URL, name string) string {
	dir := s.tree.Root
	if strings.HasPrefix(dir, "-") {
		dir = "./" + dir
	}
	line := "echo " + ShellWord("drop "+name) + " >> " + ShellWord(dir+"/queries/"+u.Host())
	return fmt.Sprintf("other URLs were asked for that differ from it in %s alone; if that does not "+
		"choose the content, make one artifact of them: %s", shorten(name), line)
}

func shorten(s string) string { return s[:min(len(s), 60)] }

// maxBeside bounds the misses that NotedBeside reads.
const maxBeside = 100

// NotedBeside yields the URLs in misses/ whose names say that they may be of the same host and
// path.
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

// ShellWord returns s as one word for a POSIX shell (XCU 2.2.2): bare where no character is special,
// else in single quotes.
func ShellWord(s string) string {
	special := func(r rune) bool {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		return !letter && !strings.ContainsRune("0123456789/._+-:@%,", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
