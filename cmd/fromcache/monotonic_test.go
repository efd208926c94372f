package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// keeps are the methods of a time.Time that go by its monotonic reading where both have one.
var keeps = map[string]bool{"Add": true, "Sub": true, "Before": true, "After": true, "Compare": true}

// TestClockIsMonotonic: a moment that is kept in memory and compared later has its monotonic reading. Wherever one is taken off
// the clock without it, it is written to a file, shown, or compared with what a file says.
func TestClockIsMonotonic(t *testing.T) {
	allowed := map[string]string{
		"fsstore/active/claim.go UnixNano":  "the time of a file",
		"fsstore/internal/tree/disk.go UTC": "lines of a job",
		"fsstore/hooks/event.go UTC":        "a program is told the time of the event in whole seconds, and it is compared with nothing",
		"fsstore/counts/stats.go UTC":       "the name of a day",
		"httpd/show/misses.go Unix":         "when a page was made, for its form",
	}
	calls := 0
	for _, dir := range packagesBelow(t, "fsstore", "httpd", "cmd/fromcache") {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if isNow(n) {
					calls++
				}
				if s, ok := n.(*ast.SelectorExpr); ok && overNow(s.X) && !keeps[s.Sel.Name] {
					if use := dir + "/" + filepath.Base(path) + " " + s.Sel.Name; allowed[use] == "" {
						t.Errorf("%s: the clock's time loses its monotonic reading", use)
					}
				}
				return true
			})
		}
	}
	if calls < 20 {
		t.Errorf("only %d calls of time.Now", calls)
	}
}

// packagesBelow returns the directories of Go files in and below some.
func packagesBelow(t *testing.T, tops ...string) (dirs []string) {
	t.Helper()
	for _, top := range tops {
		err := filepath.WalkDir("../../"+top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if files, _ := filepath.Glob(path + "/[a-z]*.go"); err == nil && d.IsDir() && len(files) > 0 {
				dirs = append(dirs, strings.TrimPrefix(path, "../../"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func isNow(n ast.Node) bool {
	c, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "time" && s.Sel.Name == "Now"
}

// overNow: time.Now(), or that with something added.
func overNow(e ast.Expr) bool {
	if isNow(e) {
		return true
	}
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := c.Fun.(*ast.SelectorExpr)
	return ok && (s.Sel.Name == "Add" || s.Sel.Name == "AddDate") && overNow(s.X)
}
