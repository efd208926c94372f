package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/key"
)

// Listed is a file that a list names.
type Listed struct {
	Line   int // from 1
	SHA256 string
	Path   string // relative, slash-separated
	URL    string // as written
}

// maxListLine is the longest line of a list in bytes.
const maxListLine = 32 << 10

// ReadList reads a list of files: lines of a SHA-256 or "-", a path and a URL, with blanks between.
// The path is all between the first blanks and the last, so that it may have blanks in it. Empty
// lines and those that begin with "#" are skipped. It returns every line that it can't read; one that
// is longer than maxListLine ends the list.
func ReadList(r io.Reader) (files []Listed, flaws []error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxListLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.Trim(strings.TrimPrefix(lines.Text(), "\ufeff"), " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		f, err := parseListLine(line)
		if err != nil {
			flaws = append(flaws, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		f.Line = n
		files = append(files, f)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		flaws = append(flaws, fmt.Errorf("line %d is longer than 32 KiB: no line from there on is read", n+1))
	} else if err != nil {
		flaws = append(flaws, fmt.Errorf("line %d: %w", n+1, err))
	}
	return files, flaws
}

func parseListLine(line string) (f Listed, err error) {
	const blanks = " \t"
	first, last := strings.IndexAny(line, blanks), strings.LastIndexAny(line, blanks)
	if first < 0 || strings.Trim(line[first:last+1], blanks) == "" {
		return f, errors.New("it needs three words: SHA256 or -, PATH and URL")
	}
	f = Listed{
		SHA256: strings.ToLower(line[:first]), Path: strings.Trim(line[first:last], blanks), URL: line[last+1:],
	}
	switch {
	case f.SHA256 == "-":
		f.SHA256 = ""
	case !held.IsDigest(f.SHA256):
		return f, fmt.Errorf("%.80q is no SHA-256, which has 64 hexadecimal digits: give - where it is "+
			"not known", f.SHA256)
	}
	if key.HasUserInfo(f.URL) {
		return f, fmt.Errorf("%w: it holds a user name or password", key.ErrBadURL)
	}
	if _, err := key.FetchURL(f.URL); err != nil && !strings.Contains(f.URL, "://") {
		return f, fmt.Errorf("%.200q: %w; a blank in it is %%20", key.Redact(f.URL), err)
	} else if err != nil {
		return f, fmt.Errorf("%.200q: %w", key.Redact(f.URL), err)
	}
	if path.IsAbs(f.Path) {
		return f, fmt.Errorf("%.200q is absolute: paths begin at the folder of the list", f.Path)
	}
	if !filepath.IsLocal(f.Path) {
		return f, fmt.Errorf("%.200q leads out of the list's folder", f.Path)
	}
	return f, nil
}

// Incoming returns the file as an artifact that was fetched when the file was last changed. dir is
// the folder at which its path begins. A path that leads out of that, by ".." or by a link, can't
// be opened, because a list may come from somebody else.
func (f Listed) Incoming(dir *os.Root, from string) (*Incoming, error) {
	info, err := dir.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%.200q is no file", f.Path)
	}
	return &Incoming{
		URL: f.URL, Meta: held.Meta{SHA256: f.SHA256, Fetched: info.ModTime()}, From: from,
		Open: func() (*os.File, error) {
			return dir.OpenFile(f.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		},
	}, nil
}
