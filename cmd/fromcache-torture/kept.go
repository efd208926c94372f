package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fromcache/cmd/fromcache-torture/judge"
)

// commit names the tree that is judged. One that was edited is never the same
// as another, so that none of its rows stands for a later run.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+edits").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// keepRow writes a part's row, in place of an older one.
func keepRow(dir string, row *judge.Row) error {
	row.Commit = commit()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, row.Part)
	if err := os.WriteFile(path+".new", []byte(row.Text()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// isKept reports whether a part has a row of this very tree.
func isKept(dir string, part part) bool {
	row, err := keptRow(dir, part)
	c := commit()
	return err == nil && row.Commit == c && isClean(c)
}

func isClean(commit string) bool { return commit != "unknown" && !strings.HasSuffix(commit, "+edits") }

func keptRow(dir string, part part) (*judge.Row, error) {
	b, err := os.ReadFile(filepath.Join(dir, part.name))
	if err != nil {
		return nil, err
	}
	return judge.ParseRow(string(b))
}

// keptRows reads them all, in the order of the parts.
func keptRows(dir string) (rows []*judge.Row, err error) {
	for _, part := range parts {
		row, err := keptRow(dir, part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}
