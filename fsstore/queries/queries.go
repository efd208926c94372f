// Package queries chooses the rule by which a URL's query is normalised. Package key normalises, and
// two URLs are one if their Sums are equal. The rule is the server's, or that of the operator's files queries/<host> and queries/*.<domain>. Whoever reads a URL from outside or from
// a job must call Rules.Parse, because another normalisation would give one URL two keys.
package queries

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// Rules are the server's query rule and the operator's files in queries/.
type Rules struct {
	tree   *tree.Tree
	health *health.Monitor
	Rule   key.Rule // what becomes of a URL's query
	own    hostFiles
}

// New returns the Rules of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, rule key.Rule) *Rules {
	s := &Rules{tree: t, health: h, Rule: rule}
	s.own.files = tree.Mirror[hostFile]{
		Dir: t.Path("queries", ""), Ours: tree.Plain, Load: s.load, ReloadUnsettled: true,
	}
	return s
}

// maxFile is the most bytes of one file. A longer one is ignored, because what was cut off might be
// a "keep".
const maxFile = 64 << 10

// hostFiles is queries/ as it was last read.
type hostFiles struct {
	files tree.Mirror[hostFile]
	mu    sync.Mutex
	dir   tree.Identity // of queries/ when it was listed; zero if it might change without a new one
}

// hostFile is queries/<host> or queries/*.<domain>.
type hostFile struct {
	rules *key.HostRules
	flaws []key.Flaw
	err   error // why it can't be read
}

// HostRules returns the rules of all files for a host, joined, or nil if there are none. A file
// that has changed is read again, so that a line that an operator writes counts for the next
// request. A line that can't be read is ignored, because to keep a parameter costs a miss at most,
// and never gives wrong bytes.
func (s *Rules) HostRules(host string) (rules *key.HostRules) {
	if s.list() != nil || s.own.files.Len() == 0 {
		return nil
	}
	for _, name := range HostPatterns(host) {
		if _, listed := s.own.files.Get(name); !listed {
			continue // without a stat, because most have none
		}
		if f, _, err := s.own.files.Look(name); err == nil {
			rules = rules.Join(f.rules)
		}
	}
	return rules
}

// list lists queries/ if it has changed.
func (s *Rules) list() error {
	var st unix.Stat_t
	if err := unix.Lstat(s.tree.Path("queries", ""), &st); err != nil {
		return err
	}
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	if s.own.dir == tree.Identify(&st) {
		return nil
	}
	names, err := s.tree.Names("queries")
	if err != nil {
		return err
	}
	s.own.files.Rescan(names)
	s.own.dir = tree.Identity{}
	if tree.IsSettled(&st) {
		s.own.dir = tree.Identify(&st)
	}
	return nil
}

// load reads queries/<name>.
func (s *Rules) load(name string) (f hostFile, err error) {
	b, err := tree.ReadFile(s.tree.Path("queries", name), maxFile+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, err
	case err != nil:
		f.err = err
	case len(b) > maxFile:
		f.err = fmt.Errorf("it is longer than %d bytes", maxFile)
	default:
		f.rules, f.flaws = key.ParseHostRules(string(b))
	}
	return f, nil
}

// HostPatterns returns the names of the files that may be for a host, in queries/ or denied/: the
// host, and *.<domain> for each domain that it is in.
func HostPatterns(host string) []string {
	names := []string{host}
	for rest := host; ; {
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			return names
		}
		names = append(names, "*."+parent)
		rest = parent
	}
}

// linesFor returns the lines in queries/ that are about a parameter of u, each after its file's
// name.
func (s *Rules) linesFor(u key.URL) (lines []string) {
	_, query, _ := strings.Cut(u.Whole(), "?")
	named := map[string]bool{"all": true}
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=")
		named[name] = true
	}
	for _, file := range HostPatterns(u.Host()) {
		b, err := tree.ReadFile(s.tree.Path("queries", file), maxFile)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			line, _, _ = strings.Cut(line, "#")
			if word := strings.Fields(line); len(word) == 2 && named[word[1]] {
				lines = append(lines, "queries/"+file+": "+strings.Join(word, " "))
			}
		}
	}
	return lines
}

// QueryFlaws lists the files in queries/ that are ignored, and the lines that are.
func (s *Rules) QueryFlaws() (list []health.Problem, err error) {
	names, err := s.tree.Names("queries")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		path := "queries/" + name
		if !IsHostPattern(name) {
			list = append(list, health.Problem{Path: path, Do: "rename it, or rm it",
				Text: "it is ignored: its name is neither a host nor *.<domain>, in lower case, without scheme and port"})
			continue
		}
		f, _, err := s.own.files.Look(name)
		switch {
		case err != nil: // gone, or no regular file
		case f.err != nil:
			list = append(list, health.Problem{Path: path, Do: "mend the disk or the file's mode",
				Text: "it is ignored, because it can't be read: " + f.err.Error()})
		default:
			for _, flaw := range f.flaws {
				list = append(list, health.Problem{Path: path, Do: "mend that line",
					Text: fmt.Sprintf("line %d is ignored: %s", flaw.N, flaw.Why)})
			}
		}
	}
	return list, nil
}

// CheckQueries has Health list a trouble if QueryFlaws finds any.
func (s *Rules) CheckQueries() {
	list, err := s.QueryFlaws()
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%s: %s", list[0].Path, list[0].Text)
	}
	s.health.SetTrouble("queries", "a file or line in queries/ is ignored: run fromcache fsck", err)
}

// IsHostPattern reports whether s is a host or *.<domain>, spelt as in denied/ and queries/: in
// lower case, without scheme and port, an IPv6 address without brackets.
func IsHostPattern(s string) bool {
	authority := strings.TrimPrefix(s, "*.")
	if strings.Contains(s, ":") {
		authority = "[" + s + "]"
	} else {
		s = authority
	}
	u, err := key.Parse("http://"+authority+"/", key.Auto)
	return err == nil && u.Host() == s
}
