package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"fromcache/cmd/fromcache-torture/judge"
)

// Some proofs are tests of their packages, which `go test ./...` runs a slice
// of. The long run gives them more time.

// fuzzing says which part a target belongs to, by its package and name; what
// is not here belongs to fuzz-rest.
var fuzzing = map[string]*regexp.Regexp{
	"fuzz-key":  regexp.MustCompile(`^fsstore/key FuzzParse$|^fsstore FuzzNames$|^httpd FuzzTarget$`),
	"fuzz-job":  regexp.MustCompile(`^fsstore/job `),
	"fuzz-tree": regexp.MustCompile(`^fsstore Fuzz(Meta|Hits|Stats|Wanted)$`),
	"fuzz-disk": regexp.MustCompile(`^fsstore Fuzz(Claim|Recover|Deny)$|^httpd FuzzForm$`),
	"fuzz-http": regexp.MustCompile(`^fsstore/(fetch|kind) |^httpd Fuzz(Conditions|Fields|Host|Range|Referer)$`),
}

func fuzzPart(target string) string {
	for part, its := range fuzzing {
		if its.MatchString(target) {
			return part
		}
	}
	return "fuzz-rest"
}

// fuzz runs each target of a part n times: threats 6, 9 and 14.
func fuzz(part string) func(*program, int, *judge.Row) {
	return func(p *program, n int, row *judge.Row) {
		all, err := p.fuzzTargets()
		if err != nil {
			row.Violated("%v", err)
		}
		for _, target := range all {
			if fuzzPart(target) == part {
				pkg, name, _ := strings.Cut(target, " ")
				p.fuzz("fromcache/"+pkg, name, n, row)
			}
		}
	}
}

// fuzzTargets lists those of the tree, as "fsstore FuzzMeta".
func (p *program) fuzzTargets() (targets []string, err error) {
	out, err := p.tool(nil, "test", "-list", "^Fuzz", "fromcache/...")
	var names []string
	for line := range strings.Lines(out) { // a package's stand above its "ok"
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "Fuzz"):
			names = append(names, words[0])
		case len(words) > 1 && words[0] == "ok":
			for _, name := range names {
				targets = append(targets, strings.TrimPrefix(words[1], "fromcache/")+" "+name)
			}
			names = nil
		}
	}
	return targets, err
}

func (p *program) fuzz(pkg, name string, n int, row *judge.Row) {
	out, err := p.tool(nil, "test", "-timeout=0", "-run", "^$", "-fuzz", "^"+name+"$", fmt.Sprintf("-fuzztime=%dx", n), pkg)
	if err != nil {
		row.Violated("%s %s: %v\n%s", pkg, name, err, out)
	}
	row.Tried("targets", 1)
	i := strings.LastIndex(out, "execs: ")
	if i < 0 {
		row.Violated("%s %s: it did not run: %s", pkg, name, out)
		return
	}
	if n, err := strconv.Atoi(strings.Fields(out[i+len("execs: "):])[0]); err == nil {
		row.Tried("runs", n)
	}
}

// model: every verb in any order, against the model of fsstore's own test.
func model(p *program, checks int, row *judge.Row) {
	out, err := p.tool(nil, "test", "-v", "-run", "^TestModel$", "fromcache/fsstore",
		fmt.Sprint("-rapid.checks=", checks), "-rapid.nofailfile", "-timeout=0")
	if err != nil {
		row.Violated("%v\n%s", err, out)
	}
	if said := walksLine.FindStringSubmatch(out); said != nil {
		n, _ := strconv.Atoi(said[1])
		row.Tried("walks", n)
	}
}

var walksLine = regexp.MustCompile(`OK, passed (\d+) tests`) // rapid's word for a walk

// guards: each line of defence is missed by a test when it is taken away.
func guards(p *program, _ int, row *judge.Row) {
	out, err := p.tool(nil, "run", "fromcache/cmd/fromcache-torture/guards")
	for line := range strings.Lines(out) {
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
