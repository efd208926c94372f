package storm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// shims are nodes that run the real shim before the real curl, each with stamps of its own.
type shims struct {
	s    *site
	dir  string // where curl is the shim
	env  []string
	mu   sync.Mutex
	all  sync.WaitGroup
	took []time.Duration // of each node, for all its calls
	said []string        // by nodes of which a call failed
	came map[string]int  // what calls came to, by what FROMCACHE_VERBOSE says: hit, miss, or why they passed
}

func (s *site) shims(env ...string) *shims {
	s.t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		s.t.Skip("it needs curl, which is not installed")
	}
	m := &shims{s: s, dir: s.t.TempDir(), env: env, came: map[string]int{}}
	must(s.t, os.Symlink(shim, filepath.Join(m.dir, "curl")))
	return m
}

// start runs a node that gets one URL after the other.
func (m *shims) start(node int, urls []string) {
	m.s.t.Helper()
	own := filepath.Join(m.dir, fmt.Sprint("node-", node))
	must(m.s.t, os.MkdirAll(own, 0o700))
	c := exec.Command("sh", append([]string{"-c", `for url; do curl -sS -f -o /dev/null "$url" || exit; done`, "node"}, urls...)...)
	c.Env = append(os.Environ(), "PATH="+m.dir+":"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+own, "HOME="+own,
		fmt.Sprintf("FROMCACHE_SERVER=http://%s:%d", cacheHost, cachePort))
	c.Env = append(c.Env, m.env...)
	said := new(strings.Builder)
	c.Stdout, c.Stderr = said, said
	began := time.Now()
	var failed error
	if err := m.s.enter("nodes", func() { defer atWireSpeed()(); failed = c.Start() }); err != nil || failed != nil {
		m.s.t.Fatal(err, failed)
	}
	m.all.Go(func() {
		err := c.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.took = append(m.took, time.Since(began))
		for line := range strings.Lines(said.String()) {
			if what, ok := outcome(line); ok {
				m.came[what]++
			}
		}
		if err != nil {
			m.said = append(m.said, fmt.Sprint(err, ": ", said))
		}
	})
}

// wait returns when all nodes have ended, and fails the test of which one's call failed: what a shim
// does never breaks a script.
func (m *shims) wait() {
	m.s.t.Helper()
	m.all.Wait()
	for _, said := range m.said[:min(len(m.said), 5)] {
		m.s.t.Errorf("a call through the shim failed: %s", said)
	}
}

// outcome returns what a line of FROMCACHE_VERBOSE says that a call came to.
func outcome(line string) (what string, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimSpace(line), "fromcache: curl: ")
	what, why, _ := strings.Cut(line, ": ")
	if _, reason, found := strings.Cut(strings.TrimSuffix(why, ")"), " ("); found && what != "hit" {
		what += ", " + reason
	}
	return what, ok
}
