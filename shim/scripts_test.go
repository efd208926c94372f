package shim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestScripts runs the commands of testdata/scripts.txt twice, with the real tools at the origin
// and through the shim with the cache holding what they ask for, and compares all that a script
// could notice. A line is an expectation and a command:
//
//	hit   every byte comes from the cache, the origin is not asked
//	part  some of it does
//	miss  the cache is asked and serves nothing
//	pass  the cache is not asked
//
// {{o}} and {{s}} are the origin over plain HTTP and over TLS, {{h}} its host and port.
func TestScripts(t *testing.T) {
	data, err := os.ReadFile("testdata/scripts.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	n := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		want, command, _ := strings.Cut(line, " ")
		name := fmt.Sprintf("c%d", n)
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.compare(t, name, want, strings.TrimSpace(command))
		})
	}
	if n < 300 {
		t.Errorf("%d commands, want 300", n)
	}
}

// compare runs one command directly and through the shim.
func (w *world) compare(t *testing.T, name, want, command string) {
	at := func(name string) string {
		return strings.NewReplacer("{{o}}", w.origin.URL+"/"+name, "{{s}}", w.secure.URL+"/"+name,
			"{{h}}", strings.TrimPrefix(w.origin.URL, "http://")+"/"+name).Replace(command)
	}
	home := t.TempDir()
	direct := run(t, at(name), w.env(home, realPath()))
	before := w.count("origin", name)
	shim := run(t, at(name), w.env(home, tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL, "FROMCACHE_VERBOSE=1"))
	if d := differ(direct, shim); d != "" {
		t.Errorf("%s\n%s%s", command, d, shim.stderr)
	}
	got := w.outcome(name, before)
	if got != want {
		t.Errorf("%s\n%s, want %s\n%s", command, got, want, shim.stderr)
	}
}

// outcome says where the bytes of a case came from.
func (w *world) outcome(name string, before int) string {
	probes, cached, direct := w.count("probe", name), w.count("cache", name), w.count("origin", name)-before
	switch {
	case cached > 0 && direct > 0:
		return "part"
	case cached > 0:
		return "hit"
	case probes > 0:
		return "miss"
	}
	return "pass"
}
