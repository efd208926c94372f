package main

import (
	"fmt"
	"os"
	"testing"

	"fromcache/cmd/fromcache-torture/judge"
)

var shared *program

func TestMain(m *testing.M) {
	if spec := os.Getenv(slowEnv); spec != "" {
		beSlow(spec)
		return
	}
	p, err := newProgram(false)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = p
	code := m.Run()
	p.close()
	os.Exit(code)
}

// TestParts runs a slice of every part that has one. `make torture` runs the
// whole. The table is for .ci/test, which shows it although all is well: what
// this machine can't do is told below it.
func TestParts(t *testing.T) {
	var rows []*judge.Row
	for _, part := range parts {
		if part.slice == 0 {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("not with -short")
			}
			row := shared.try(part)
			for _, v := range row.Violations() {
				t.Error(v)
			}
			rows = append(rows, row)
		})
	}
	if len(rows) > 0 {
		judge.Print(os.Stdout, rows)
	}
}

func TestHitLine(t *testing.T) {
	trace := t.TempDir() + "/trace"
	for text, want := range map[string]string{
		"":                  "",
		"12 close(3) = 0\n": "",
		"12 close(3 <unfinished ...>\n12 +++ killed by SIGKILL +++\n":                   "12 close(3 <unfinished ...>",
		"12 fsync(7) = -1 EIO (Input/output error) (INJECTED)\n13 close(3) = 0\n":       "12 fsync(7) = -1 EIO (Input/output error) (INJECTED)",
		"12 fsync(7) = 0\n13 +++ killed by SIGKILL +++\n12 +++ killed by SIGKILL +++\n": "12 fsync(7) = 0",
	} {
		if err := os.WriteFile(trace, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hitLine(trace); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
