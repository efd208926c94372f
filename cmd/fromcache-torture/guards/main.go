// Guards takes one guard away at a time (an fsync, a check, a limit) and runs the
// test that should notice. A guard is a line with a mark, `//guard:TestName`; see
// mark. It prints each mark and whether its test went red; a mark whose test stays
// green is a finding, and makes the exit status 1.
//
// Nothing in the tree is touched: go's -overlay shows the compiler an edited copy.
//
//	go run ./cmd/fromcache-torture/guards [-j N] [WORD…]   only marks whose path, line or test holds one of the words
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	atOnce := flag.Int("j", 1, "try this many marks at once")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: guards [-j N] [WORD…]\nTakes one marked guard away at a time, and tells whether its test goes red.\n"+
			"With WORDs only those whose path, line or test holds one of them.")
		flag.PrintDefaults()
	}
	flag.Parse()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "fromcache").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "guards: run it inside the module:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, strings.TrimSpace(string(root)), flag.Args(), *atOnce))
}

func run(ctx context.Context, root string, words []string, atOnce int) int {
	marks, err := findMarks(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "guards:", err)
		return 2
	}
	tried := 0
	var red atomic.Int64
	var g errgroup.Group
	g.SetLimit(max(1, atOnce))
	for _, m := range marks {
		if len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m.String(), w) }) {
			continue
		}
		tried++
		g.Go(func() error {
			if m.report(ctx, root) {
				red.Add(1)
			}
			return ctx.Err()
		})
	}
	if g.Wait() != nil {
		fmt.Fprintln(os.Stderr, "guards: stopped")
		return 1
	}
	if tried == 0 {
		fmt.Fprintf(os.Stderr, "guards: there is no mark with %q\n", words)
		return 2
	}
	fmt.Printf("%d of %d guards are missed by their test\n", red.Load(), tried)
	if int(red.Load()) < tried {
		return 1
	}
	return 0
}

// report prints what became of the mark's test, and returns whether it went red.
func (m *mark) report(ctx context.Context, root string) (red bool) {
	if ctx.Err() != nil {
		return false
	}
	began := time.Now()
	red, err := m.tryWithout(ctx, root)
	took := time.Since(began).Round(time.Second)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		fmt.Printf("BROKEN   %v: %v\n", m, err)
	case !red:
		fmt.Printf("FINDING  %v: its test does not miss it (%v)\n", m, took)
	default:
		fmt.Printf("red      %v (%v)\n", m, took)
	}
	return red && err == nil && ctx.Err() == nil
}

// tryWithout reports whether the mark's test fails without what is marked.
func (m *mark) tryWithout(ctx context.Context, root string) (red bool, err error) {
	dir, err := os.MkdirTemp("", "guards-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return false, err
	}
	name, sub, _ := strings.Cut(m.test, "/")
	run := "^" + name + "$"
	if sub != "" {
		run += "/" + sub
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-failfast", "-count=1", "-timeout=100s", "-run", run, "./"+m.pkg)
	cmd.WaitDelay = time.Second // for the pipe, which the test has, too
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "GOFLAGS=-overlay="+overlay) // the programs that tests build get it, too
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "[build failed]"), strings.Contains(text, "[setup failed]"):
		return false, fmt.Errorf("it does not build: %.300s", text)
	case strings.Contains(text, "no tests to run"):
		return false, fmt.Errorf("%s has no test %s", m.pkg, m.test)
	case strings.Contains(text, "\n--- SKIP") || strings.HasPrefix(text, "--- SKIP"):
		return false, fmt.Errorf("%s is skipped here", m.test)
	}
	return err != nil, nil
}

// overlay writes the edited copy, and the file that -overlay wants.
func (m *mark) overlay(root, dir string) (string, error) {
	src, err := m.without()
	if err != nil {
		return "", err
	}
	edited := filepath.Join(dir, "edited.go")
	if err := os.WriteFile(edited, src, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.path): edited}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}
