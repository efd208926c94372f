// Guards takes one guard of the store away at a time (an fsync, a check, a
// limit) and runs the tests that should notice. It prints each guard and the
// test that went red; a guard that no test misses is a finding, and makes the
// exit status 1.
//
// Nothing in the tree is touched: go's -overlay shows the compiler an edited
// copy. An edit must match its text exactly once, so that a guard which was
// rewritten is noticed too.
//
//	go run ./cmd/fromcache-torture/guards [WORD…]   only guards whose name holds these words
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
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: guards [WORD…]\nTakes one guard away at a time, of all or of those whose name holds these words, and names the test that goes red.")
	}
	flag.Parse()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "fromcache").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "guards: run it inside the module:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, strings.TrimSpace(string(root)), strings.Join(flag.Args(), " ")))
}

func run(ctx context.Context, root, word string) int {
	left, red, spared := 0, 0, 0
	for _, g := range guards {
		if !strings.Contains(g.name, word) {
			continue
		}
		by, err := g.tryWithout(ctx, root)
		switch {
		case ctx.Err() != nil:
			fmt.Fprintln(os.Stderr, "guards: stopped")
			return 1
		case err != nil:
			fmt.Printf("stale    %-58s %v\n", g.name, err)
			left++
		case by == "":
			why := "no test misses it"
			if g.spare != "" {
				why = "no test can miss it here: " + g.spare
				spared++
			} else {
				left++
			}
			fmt.Printf("FINDING  %-58s %s\n", g.name, why)
		default:
			fmt.Printf("red      %-58s %s\n", g.name, by)
			red++
		}
	}
	if left+red+spared == 0 {
		fmt.Fprintf(os.Stderr, "guards: none has %q in its name\n", word)
		return 2
	}
	fmt.Printf("%d guards are missed by a test, %d are not, %d can't be here\n", red, left, spared)
	if left > 0 {
		return 1
	}
	return 0
}

// guard is one line of defence, and how to take it away.
type guard struct {
	name     string
	file     string // below the module
	old, new string
	pkg, run string // the tests that should notice
	spare    string // why none can, on the file systems of a test machine
}

// tryWithout returns the first test that fails without the guard, or "".
func (g *guard) tryWithout(ctx context.Context, root string) (string, error) {
	dir, err := os.MkdirTemp("", "guards-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := g.overlay(root, dir)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-failfast", "-count=1", "-timeout=100s", "-run", g.run, g.pkg)
	cmd.WaitDelay = time.Second // for the pipe, which the test has, too
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "GOFLAGS=-overlay="+overlay) // the programs that tests build get it, too
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err == nil {
		if strings.Contains(string(out), "no tests to run") {
			return "", fmt.Errorf("-run %s names no test", g.run)
		}
		return "", nil
	}
	return firstRed(string(out), time.Since(began))
}

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

func firstRed(out string, took time.Duration) (string, error) {
	all := failLine.FindAllStringSubmatch(out, -1)
	if len(all) > 0 {
		return fmt.Sprintf("%s (%v)", all[len(all)-1][1], took.Round(time.Second)), nil
	}
	if strings.Contains(out, "panic: test timed out") || strings.Contains(out, "SIGQUIT: quit") { // go's, when the test does not end then
		return "a test hangs", nil
	}
	if strings.Contains(out, "panic: ") {
		return "a test panics", nil
	}
	return "", fmt.Errorf("it does not build: %.300s", out)
}

// overlay writes the edited copy, and the file that -overlay wants.
func (g *guard) overlay(root, dir string) (string, error) {
	path := filepath.Join(root, g.file)
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(b), g.old); n != 1 {
		return "", fmt.Errorf("its text stands %d times in %s", n, g.file)
	}
	edited := filepath.Join(dir, "edited.go")
	if err := os.WriteFile(edited, []byte(strings.Replace(string(b), g.old, g.new, 1)), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: edited}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}
