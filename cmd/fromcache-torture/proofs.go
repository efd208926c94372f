package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"fromcache/cmd/fromcache-torture/judge"
)

// proof is tests of a package that are a threat's proof by themselves. `go test
// ./...` runs them, too; here they get their row.
type proof struct {
	pkg   string
	tests string // how their names go on after Test, a regular expression each
	count string // an environment variable that takes the number of cases, or ""
}

// proofs by part.
var proofs = map[string][]proof{
	"clock":     {{pkg: "...", tests: ".*Clock ScrubKeepsItsRate SessionAge"}},
	"addresses": {{pkg: "fsstore/fetch", tests: "Inside Classify AllowSeesThrough Rebinding RedirectInside Proxy"}},
	"pages": {
		{pkg: "httpd", tests: "CrossSite OnlyFormsChange Rebound Framing Fixation SignedOutPosts HostileText FormCap OpenHost SessionCookie"},
		{pkg: "httpd/browser", tests: "OtherSite Safety Access"},
	},
	"guesses":  {{pkg: "httpd", tests: "Guess LimiterTable", count: "FROMCACHE_GUESSES"}},
	"canaries": {{pkg: "cmd/fromcache", tests: "Canaries"}, {pkg: "fsstore/key", tests: "Redact Key"}},
}

// prove runs the tests of a part, and counts what they say they have tried.
func prove(part string) func(*program, int, *judge.Row) {
	return func(p *program, n int, row *judge.Row) {
		for _, t := range proofs[part] {
			var env []string
			if t.count != "" {
				env = append(env, fmt.Sprintf("%s=%d", t.count, n))
			}
			run := "^Test(" + strings.ReplaceAll(t.tests, " ", "|") + ")"
			out, err := p.tool(env, "test", "-v", "-count=1", "-timeout=0", "-run", run, "fromcache/"+t.pkg)
			if passed := readTests(out, row); err != nil || passed == 0 {
				row.Violated("%s -run %s: %d tests passed, %v\n%s", t.pkg, run, passed, err, failures(out))
			}
			for _, name := range t.without(out) {
				row.Violated("%s has no test Test%s any more", t.pkg, name)
			}
		}
	}
}

// without lists those of the tests' names that none has which ran. One that was
// given another name would be missed by nobody.
func (t proof) without(out string) (names []string) {
	for _, name := range strings.Fields(t.tests) {
		if !regexp.MustCompile(`(?m)^--- \w+: Test` + name).MatchString(out) {
			names = append(names, name)
		}
	}
	return names
}

var (
	passLine = regexp.MustCompile(`(?m)^--- PASS: (\S+)`)
	skipLine = regexp.MustCompile(`(?m)^\s*--- SKIP: (\S+)`)
	saidLine = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: ([0-9]+) ([a-z][A-Za-z0-9 ,:.-]+)$`) // "300 rebindings", "767 forms to 13 routes"
	failWord = regexp.MustCompile(`(?m)^.*(?:FAIL|_test\.go:|panic).*$`)
)

// readTests counts the tests that passed, and what they logged as tried.
func readTests(out string, row *judge.Row) (passed int) {
	passed = len(passLine.FindAllString(out, -1))
	row.Tried("tests", passed)
	for _, said := range saidLine.FindAllStringSubmatch(out, -1) {
		if n, err := strconv.Atoi(said[1]); err == nil {
			kind, _, _ := strings.Cut(said[2], " in ")
			kind, _, _ = strings.Cut(kind, " to ")
			row.Tried(kind, n)
		}
	}
	for _, skipped := range skipLine.FindAllStringSubmatch(out, -1) {
		row.Note("%s is skipped here", skipped[1])
	}
	return passed
}

// failures is what of a test's output tells why it failed.
func failures(out string) string {
	return strings.Join(failWord.FindAllString(out, 40), "\n")
}
