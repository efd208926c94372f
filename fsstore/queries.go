package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/key"
)

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
	files mirror[ownFile]
	mu    sync.Mutex
	dir   identity // when files was listed, if that tells it from the next change; else zero
}

type ownFile struct {
	own   *key.HostRules
	flaws []key.Flaw
	err   error // it can't be read
}

// ownOf is what operators say of a host's queries, nil where nobody says
// anything.
func (s *Store) ownOf(host string) (own *key.HostRules) {
	if s.listOwn() != nil || s.own.files.len() == 0 {
		return nil
	}
	for _, name := range hostPatterns(host) {
		if _, listed := s.own.files.get(name); !listed {
			continue // most have none: that costs no stat
		}
		if f, _, err := s.own.files.look(name); err == nil {
			own = own.Join(f.own)
		}
	}
	return own
}

// listOwn lists queries/ if it has changed.
func (s *Store) listOwn() error {
	var st unix.Stat_t
	if err := unix.Lstat(s.path("queries", ""), &st); err != nil {
		return err
	}
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	if s.own.dir == identify(&st) {
		return nil
	}
	names, err := s.names("queries")
	if err != nil {
		return err
	}
	s.own.files.rescan(names)
	s.own.dir = identity{}
	if isSettled(&st) {
		s.own.dir = identify(&st)
	}
	return nil
}

// loadOwn reads queries/<name>.
func (s *Store) loadOwn(name string) (f ownFile, err error) {
	b, err := readFile(s.path("queries", name), maxOwn+1)
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

// hostPatterns are the names by which a file may speak for a host: its own, and
// *.domain for each domain that it is in.
func hostPatterns(host string) []string {
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
func (s *Store) ownSays(u key.URL) (lines []string) {
	_, query, _ := strings.Cut(u.Whole(), "?")
	named := map[string]bool{"all": true}
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=")
		named[name] = true
	}
	for _, file := range hostPatterns(u.Host()) {
		b, err := readFile(s.path("queries", file), maxOwn)
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

// ownFlaws are the files in queries/ that say less than they seem to.
func (s *Store) ownFlaws() (list []Problem, err error) {
	names, err := s.names("queries")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		path := "queries/" + name
		if !isHostPattern(name) {
			list = append(list, Problem{Path: path, Text: "neither a host nor *.domain, in lower case and without scheme and port: it says nothing", Do: "rename it, or rm it"})
			continue
		}
		f, _, err := s.own.files.look(name)
		switch {
		case err != nil: // gone, or no regular file
		case f.err != nil:
			list = append(list, Problem{Path: path, Text: "it can't be read, and says nothing: " + f.err.Error(), Do: "mend the disk or the file's mode"})
		default:
			for _, flaw := range f.flaws {
				list = append(list, Problem{Path: path, Text: fmt.Sprintf("line %d says nothing: %s", flaw.N, flaw.Why), Do: "mend that line"})
			}
		}
	}
	return list, nil
}

// checkOwn has Health tell what ownFlaws finds.
func (s *Store) checkOwn() {
	list, err := s.ownFlaws()
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%s: %s", list[0].Path, list[0].Text)
	}
	s.Trouble("queries", "a line in queries/ can't be taken, and says nothing: run fromcache fsck", err)
}
