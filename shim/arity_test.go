package shim_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"fromcache/shim/options"
)

// installed returns a tool's path and release, "7.88.1" for instance.
func installed(t *testing.T, tool, pattern string) (path, release string) {
	t.Setenv("PATH", realPath()+":"+os.Getenv("PATH"))
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is not installed", tool)
	}
	out, _ := exec.Command(path, "--version").Output()
	f := strings.Fields(string(out))
	for i, w := range f {
		if w == pattern && i+1 < len(f) {
			return path, f[i+1]
		}
	}
	t.Fatalf("%s: no release in %.80q", tool, out)
	return "", ""
}

// older reports whether release a is before b; "" is the oldest.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m < n
		}
	}
	return false
}

// knows reports whether a release of the tool has an option.
func knows(o options.Option, release string) bool {
	since, _, _ := strings.Cut(o.Since, "-")
	return !older(release, since) && (o.Until == "" || !older(o.Until, release))
}

// demands reports whether a tool asks for a value when a spelling is the last word of its command
// line, and whether it knows the spelling at all. Nothing listens at the URL.
func demands(t *testing.T, path, spelling string, before ...string) (value, known bool) {
	cmd := exec.Command(path, append(before, "http://127.0.0.1:1/", spelling)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=/usr/bin:/bin", "LC_ALL=C"}
	out, _ := cmd.CombinedOutput()
	text := string(out)
	value = strings.Contains(text, "requires parameter") || strings.Contains(text, "requires an argument")
	return value, !strings.Contains(text, "is unknown") && !strings.Contains(text, "unrecognized option") &&
		!strings.Contains(text, "invalid option")
}

// spellings are the ways to write an option: by name, by letter where that is still its own, and
// with --no-.
func spellings(table []options.Option, o options.Option) []string {
	all := []string{"--" + o.Name}
	if alive := options.Letter(table, o.Short); alive != nil && alive.Name == o.Name {
		all = append(all, "-"+string(o.Short))
	}
	if o.Kind == options.Bool {
		all = append(all, "--no-"+o.Name)
	}
	return all
}

// built are options that exist only where the tool was built for debugging, with c-ares, with
// metalink or for VMS.
const built = " wdebug test-duphandle test-event bind-dns-address dns-servers ftp-stmlf input-metalink metalink-index metalink-over-http preferred-location "

// checkArity proves each spelling of each option that the installed release knows.
func checkArity(t *testing.T, table []options.Option, tool, word string, before ...string) {
	path, release := installed(t, tool, word)
	proven := 0
	for _, o := range table {
		if !knows(o, release) || strings.Contains(built, " "+o.Name+" ") {
			continue
		}
		for _, s := range spellings(table, o) {
			value, known := demands(t, path, s, before...)
			if !known {
				t.Errorf("%s %s does not know %s, of which the table says since %q until %q", tool, release, s, o.Since, o.Until)
			} else if value != o.TakesValue() {
				t.Errorf("%s %s: takes a value: %v, the table says %v", tool, s, value, o.TakesValue())
			}
			proven++
		}
	}
	t.Logf("%s %s: %d spellings", tool, release, proven)
	if proven < len(table) {
		t.Errorf("only %d spellings of %d options", proven, len(table))
	}
}

// TestCurlArity proves for each option that the installed curl knows whether it takes a value.
func TestCurlArity(t *testing.T) {
	checkArity(t, options.Curl, "curl", "curl", "-q", "-s", "-S", "-m", "5")
}

// TestWgetArity does so for wget.
func TestWgetArity(t *testing.T) {
	checkArity(t, options.Wget, "wget", "Wget", "-t1", "-T5")
}
