package torture

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// elsewhere are the threats whose proof is tests of other packages, by the package.
// `go test ./...` runs a slice of them.
var elsewhere = []struct{ threat, pkg, tests string }{
	{"4 11 faults of a machine", "cmd/fromcache", "DiskFaults FewDescriptors NoWatch"},
	{"10 clock steps", "fsstore/health", "AClockSetBack ClockBook"},
	{"10 clock steps", "fsstore/upkeep", "ScrubKeepsItsRate"},
	{"10 clock steps", "httpd", "SessionAge"},
	{"17 ways inside", "fsstore/fetch", "Inside Classify AllowSeesThrough Rebinding RedirectInside Proxy"},
	{"18 hostile pages", "httpd", "CrossSite OnlyFormsChange Rebound Framing Fixation SignedOutPosts HostileText FormCap OpenHost SessionCookie"},
	{"18 hostile pages", "httpd/browser", "OtherSite Safety Access"},
	{"19 guessing", "httpd", "Guess"},
	{"19 guessing", "httpd/access", "LimiterTable"},
	{"21 leaks", "cmd/fromcache", "Soak"},
	{"22 credentials", "cmd/fromcache", "Canaries"},
	{"22 credentials", "fsstore/key", "Redact Key"},
	{"1 12 any order of verbs", "fsstore", "Model"},
}

// TestElsewhere has the other packages try as much as the promise says.
func TestElsewhere(t *testing.T) {
	onlyLong(t)
	for _, e := range elsewhere {
		t.Run(e.pkg+" "+e.threat, func(t *testing.T) {
			_, row := begin(t, e.threat)
			passed := goTest(row, "fromcache/"+e.pkg, "^Test("+strings.ReplaceAll(e.tests, " ", "|")+")")
			for name := range strings.FieldsSeq(e.tests) {
				if !strings.Contains(passed, "\nTest"+name) {
					row.Errorf("no test Test%s passed", name)
				}
			}
			row.Tried("tests", strings.Count(passed, "\n"))
		})
	}
}

// goTest returns the names of the tests that passed, each after a newline.
func goTest(row *Row, pkg, run string) (passed string) {
	cmd := exec.Command("go", "test", "-json", "-count=1", "-timeout=0", "-run", run, pkg)
	out, err := cmd.Output()
	if err != nil {
		row.Errorf("%v:\n%s", err, out)
	}
	for events := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct{ Action, Test, Output string }
		if events.Decode(&e) != nil {
			return passed
		}
		switch {
		case e.Action == "pass" && e.Test != "" && !strings.Contains(e.Test, "/"):
			passed += "\n" + e.Test
		case e.Action == "skip" && e.Test != "":
			row.Note("%s is skipped here", e.Test)
		}
	}
}

// TestFuzz: threats 6, 9, 14 and 16. `make fuzz` is its slice.
func TestFuzz(t *testing.T) {
	onlyLong(t)
	for _, f := range []struct{ threat, runs, targets string }{
		{"6 forged keys", "10000000x", "^Fuzz(Names|Parse|Target)$"},
		{"9 14 16 garbled files and answers", "500000x", "^Fuzz"},
	} {
		t.Run(f.threat, func(t *testing.T) {
			_, row := begin(t, f.threat)
			out := row.tool("../../.ci/fuzz", f.runs, f.targets)
			row.Tried("targets of "+f.runs+" runs", strings.Count(out, "\nPASS\n"))
			row.AtLeast(1, "targets of "+f.runs+" runs")
		})
	}
}

// TestGuards: each guard is missed by a test when it is taken away.
func TestGuards(t *testing.T) {
	onlyLong(t)
	_, row := begin(t, "all: guards taken away")
	out := row.tool("go", "run", "./guards")
	row.Tried("guards", strings.Count("\n"+out, "\nred "))
	row.AtLeast(100, "guards")
}

// tool runs a program, which fails the part if it fails, and returns what it prints.
func (r *Row) tool(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		r.Errorf("%s: %v\n%s", name, err, out)
	}
	os.Stdout.Write(out)
	return string(out)
}
