// Package queries says which URLs are one: by the rule of the server and by the operator's files
// queries/<host> and queries/*.<domain>. Whoever takes a URL from outside or from a job must call
// Parse, because two normalisations would give one URL two names.
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

// Rules say which URLs are one: the rule of the server, and the files in queries/.
type Rules struct {
	tree   *tree.Tree
	health *health.Monitor
	Rule   key.Rule // what becomes of a URL's query
	own    ownBook
}

// New returns the Rules of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, rule key.Rule) *Rules {
	s := &Rules{tree: t, health: h, Rule: rule}
	s.own.files = tree.Mirror[ownFile]{Dir: t.Path("queries", ""), Ours: tree.Plain, Load: s.loadOwn, ReloadUnsettled: true}
	return s
}

// queries/<host> and queries/*.<domain> hold what an operator says of the query
// parameters of a host: see key.HostRules. All files that speak for a host are taken
// together. They are read again when they have changed, so that an echo counts
// for the next request. A line that can't be taken says nothing, and fsck and
// Health tell: in doubt a parameter stays, which costs a miss and never brings
// wrong bytes.

// maxOwn bounds one file. A longer one says nothing: what was cut off might be a
// "keep".
const maxOwn = 64 << 10

// ownBook is queries/ as it was at the last look.
type ownBook struct {
	files tree.Mirror[ownFile]
	mu    sync.Mutex
	dir   tree.Identity // when files was listed, if that tells it from the next change; else zero
}

type ownFile struct {
	own   *key.HostRules
	flaws []key.Flaw
	err   error // it can't be read
}

// HostRules is what operators say of a host's queries, nil where nobody says
// anything.
func (s *Rules) HostRules(host string) (own *key.HostRules) {
	if s.listOwn() != nil || s.own.files.Len() == 0 {
		return nil
	}
	for _, name := range HostPatterns(host) {
		if _, listed := s.own.files.Get(name); !listed {
			continue // most have none: that costs no stat
		}
		if f, _, err := s.own.files.Look(name); err == nil {
			own = own.Join(f.own)
		}
	}
	return own
}

// listOwn lists queries/ if it has changed.
func (s *Rules) listOwn() error {
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

// loadOwn reads queries/<name>.
func (s *Rules) loadOwn(name string) (f ownFile, err error) {
	b, err := tree.ReadFile(s.tree.Path("queries", name), maxOwn+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, err
	case err != nil:
		f.err = err
	case len(b) > maxOwn:
		f.err = fmt.Errorf("it is longer than %d bytes", maxOwn)
	default:
		f.own, f.flaws = key.ParseHostRules(string(b))
	}
	return f, nil
}

// HostPatterns are the names by which a file may speak for a host: its own, and
// *.domain for each domain that it is in.
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

// ownSays tells for people which lines speak of a URL's query, each with its
// file.
func (s *Rules) ownSays(u key.URL) (lines []string) {
	_, query, _ := strings.Cut(u.Whole(), "?")
	named := map[string]bool{"all": true}
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=")
		named[name] = true
	}
	for _, file := range HostPatterns(u.Host()) {
		b, err := tree.ReadFile(s.tree.Path("queries", file), maxOwn)
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

// QueryFlaws are the files in queries/ that say less than they seem to.
func (s *Rules) QueryFlaws() (list []health.Problem, err error) {
	names, err := s.tree.Names("queries")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		path := "queries/" + name
		if !IsHostPattern(name) {
			list = append(list, health.Problem{Path: path, Text: "neither a host nor *.domain, in lower case and without scheme and port: it says nothing", Do: "rename it, or rm it"})
			continue
		}
		f, _, err := s.own.files.Look(name)
		switch {
		case err != nil: // gone, or no regular file
		case f.err != nil:
			list = append(list, health.Problem{Path: path, Text: "it can't be read, and says nothing: " + f.err.Error(), Do: "mend the disk or the file's mode"})
		default:
			for _, flaw := range f.flaws {
				list = append(list, health.Problem{Path: path, Text: fmt.Sprintf("line %d says nothing: %s", flaw.N, flaw.Why), Do: "mend that line"})
			}
		}
	}
	return list, nil
}

// CheckQueries has Health tell what OwnFlaws finds.
func (s *Rules) CheckQueries() {
	list, err := s.QueryFlaws()
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%s: %s", list[0].Path, list[0].Text)
	}
	s.health.SetTrouble("queries", "a line in queries/ can't be taken, and says nothing: run fromcache fsck", err)
}

// IsHostPattern reports whether s is a host or *.<domain>, spelt as in denied/ and queries/.
func IsHostPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	u, err := key.Parse("http://"+s+"/", key.Auto)
	return err == nil && u.Host() == s
}
