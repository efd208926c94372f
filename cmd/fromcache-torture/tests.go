package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"fromcache/fsstore/torture"
)

// Some proofs are tests of their packages, which `go test ./...` runs a slice
// of. The long run gives them more time.

// fuzzAll: threats 6, 9 and 14.
func fuzzAll(p *program, n int, row *torture.Row) {
	out, err := exec.Command("go", "test", "-list", "^Fuzz", "fromcache/...").Output()
	if err != nil {
		row.Violated("go test -list: %v", err)
		return
	}
	var targets []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "Fuzz"):
			targets = append(targets, words[0])
		case len(words) > 1 && words[0] == "ok":
			for _, name := range targets {
				fuzz(words[1], name, n, row)
			}
			targets = nil
		}
	}
}

func fuzz(pkg, name string, n int, row *torture.Row) {
	out, err := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+name+"$", fmt.Sprintf("-fuzztime=%dx", n), pkg).CombinedOutput()
	if err != nil {
		row.Violated("%s %s: %v\n%s", pkg, name, err, out)
	}
	row.Tried("targets", 1)
	i := strings.LastIndex(string(out), "execs: ")
	if i < 0 {
		return
	}
	if n, err := strconv.Atoi(strings.Fields(string(out[i+len("execs: "):]))[0]); err == nil {
		row.Tried("runs", n)
	}
}

// model: every verb in any order, against the model of fsstore's own test.
func model(p *program, checks int, row *torture.Row) {
	out, err := exec.Command("go", "test", "-run", "^TestModel$", "fromcache/fsstore",
		fmt.Sprint("-rapid.checks=", checks), "-rapid.nofailfile").CombinedOutput()
	if err != nil {
		row.Violated("%v\n%s", err, out)
	}
	row.Tried("walks", checks)
}

// guards: each line of defence is missed by a test when it is taken away.
func guards(p *program, _ int, row *torture.Row) {
	out, err := exec.Command("go", "run", "fromcache/fsstore/torture/guards").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "red" || word == "FINDING" && strings.Contains(rest, "no test can miss it here"):
			row.Tried("guards", 1)
			if word == "FINDING" {
				row.Note("%s", strings.Join(strings.Fields(rest), " "))
			}
		case word == "FINDING" || word == "stale":
			row.Violated("%s", strings.Join(strings.Fields(line), " "))
		}
	}
	if err != nil && row.Cases("guards") == 0 {
		row.Violated("%v\n%s", err, out)
	}
}
