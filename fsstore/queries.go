package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/key"
)

// queries/<host> and queries/*.<domain> hold what an operator says of the query
// parameters of a host: see key.Own. All files that speak for a host are taken
// together. They are read again when they have changed, so that an echo counts
// for the next request. A line that can't be taken says nothing, and fsck and
// Health tell: in doubt a parameter stays, which costs a miss and never brings
// wrong bytes.

// maxOwn bounds one file. A longer one says nothing: what was cut off might be a
// "keep".
const maxOwn = 64 << 10

// settled is how old a change must be before its time tells it from the next:
// times of files come in steps.
const settledAfter = 2 * time.Second

// ownBook spares the reading, never the look.
type ownBook struct {
	mu    sync.Mutex
	dir   seen
	files map[string]*ownFile
}

// seen tells whether a file or directory is still as it was when it was read.
type seen struct {
	identity
	settled bool
}

type ownFile struct {
	seen
	own   *key.Own
	flaws []key.Flaw
	err   error // it can't be read
}

// now returns how a file looks at this moment.
func lookAt(path string) (seen, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return seen{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	changed := time.Unix(max(st.Mtim.Sec, st.Ctim.Sec), 0)
	return seen{identify(&st), time.Since(changed) > settledAfter}, nil
}

// still reports whether a look finds what was read at the time of another.
func (s seen) still(now seen) bool { return s.settled && s.identity == now.identity }

// ownOf is what operators say of a host's queries, nil where nobody says
// anything.
func (s *Store) ownOf(host string) (own *key.Own) {
	now, err := lookAt(s.path("queries", ""))
	if err != nil {
		return nil
	}
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	if !s.own.dir.still(now) {
		s.listOwn(now)
	}
	if len(s.own.files) == 0 {
		return nil
	}
	for _, name := range hostPatterns(host) {
		if f := s.ownFile(name); f != nil {
			own = own.Join(f.own)
		}
	}
	return own
}

// listOwn lists queries/; the caller holds the book.
func (s *Store) listOwn(now seen) {
	names, err := s.names("queries")
	if err != nil {
		s.own.files = nil
		return
	}
	files := make(map[string]*ownFile, len(names))
	for _, name := range names {
		files[name] = s.own.files[name]
	}
	s.own.dir, s.own.files = now, files
}

// ownFile reads queries/<name> if it has changed; nil where there is none. The
// caller holds the book.
func (s *Store) ownFile(name string) *ownFile {
	f, listed := s.own.files[name]
	if !listed {
		return nil
	}
	path := s.path("queries", name)
	now, err := lookAt(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && f != nil && f.still(now) {
		return f
	}
	f = &ownFile{seen: now}
	b, err := readFile(path, maxOwn+1)
	switch {
	case errors.Is(err, fs.ErrNotExist): // no regular file, which does not exist for us
		return nil
	case err != nil:
		f.err = err
	case len(b) > maxOwn:
		f.err = fmt.Errorf("it is longer than %d bytes", maxOwn)
	default:
		f.own, f.flaws = key.ParseOwn(string(b))
	}
	s.own.files[name] = f
	return f
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
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	if s.own.files == nil {
		s.own.files = map[string]*ownFile{}
	}
	for _, name := range names {
		path := "queries/" + name
		if !isHostPattern(name) {
			list = append(list, Problem{Path: path, Text: "neither a host nor *.domain, in lower case and without scheme and port: it says nothing", Do: "rename it, or rm it"})
			continue
		}
		if _, listed := s.own.files[name]; !listed {
			s.own.files[name] = nil
		}
		f := s.ownFile(name)
		switch {
		case f == nil:
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
