// Package storm shows what a cache-host does when a whole site comes at once: 10,000 nodes that ask in
// the same moment beside bulk downloads, nodes whose cache-host is gone, nodes that wait for what was
// just approved.
//
// It runs the real binaries in namespaces of the network that it makes: a cache-host, an origin, and
// nodes with an address each. Most nodes are simulated by one thread, which says on the wire what the
// shim says; beside them some run the real shim with the real curl.
//
//	go test -v ./cmd/fromcache-storm                    1,000 nodes
//	FROMCACHE_LONG=1 go test -v ./cmd/fromcache-storm   10,000 nodes
//
// # How to read it
//
// Servers and nodes share the processors of one machine, and a node that waits for a processor is not
// the cache-host's fault. So the time of an answer is the kernel's: from connect(2) to the moment when
// the last byte arrived, by TCP_INFO, however late the node read it. What the kernel dropped is counted
// by itself, in the namespace of the cache-host. The machine's own load is in every figure of time, so
// those have a verdict and fail nothing; a count that is wrong does.
package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"fromcache/cmd/internal/testbed"
)

// The programs under test.
var fromcache, shim string

// temp holds what the tests share.
var temp string

// long reports whether the whole crowd comes, instead of a slice.
var long = os.Getenv("FROMCACHE_LONG") != ""

// size is how many come.
func size(slice, whole int) int {
	if long {
		return whole
	}
	return slice
}

func TestMain(m *testing.M) {
	if code, ran := testbed.Inside("fromcache-storm-"); ran {
		os.Exit(code)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if temp, err = os.MkdirTemp("", "fromcache-storm-"); err == nil {
		defer os.RemoveAll(temp)
		fromcache, shim = filepath.Join(temp, "fromcache"), filepath.Join(temp, "fromcache-shim")
		if err = testbed.Build(fromcache, "fromcache/cmd/fromcache"); err == nil {
			err = testbed.Build(shim, "fromcache/cmd/fromcache-shim")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		return 1
	}
	code := m.Run()
	printTable(os.Stdout)
	return code
}

// begin skips a test where there can be no namespaces.
func begin(t *testing.T) *network {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short")
	}
	if os.Getenv(testbed.InsideEnv) == "" {
		t.Skip("it needs root that may make namespaces and mount")
	}
	return newNetwork(t)
}
