// Package torture tries to break what fromcache promises: whatever is killed, cut,
// filled or lied to, no approved job is lost, no artifact that was acknowledged is
// lost, and no client is served bytes that are not whole and checked.
//
// Each test is a part: it runs the real binary, under strace, on file systems that
// it makes and cuts, and is a row of the table that is printed at the end: threat,
// cases tried, violations. `go test` tries a slice of each; with FROMCACHE_LONG=1
// it takes hours, and each is tried as often as the promise says. What this machine
// can't do is said below the table. Most of it needs root.
package torture

import (
	"fmt"
	"os"
	"testing"

	"fromcache/cmd/internal/testbed"
)

// shared is what the parts have in common.
var shared *program

func TestMain(m *testing.M) {
	if spec := os.Getenv(slowEnv); spec != "" {
		beSlow(spec)
		return
	}
	if code, ran := testbed.Inside("fromcache-torture-"); ran {
		os.Exit(code)
	} // in a container that may make no namespaces: what mounts is skipped
	p, err := newProgram()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = p
	code := m.Run()
	printTable(os.Stdout, p.rows)
	p.close()
	os.Exit(code)
}
