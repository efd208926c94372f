// Package bench compares the cache-host with nginx serving the same files on this machine, and prints
// ratios.
//
//	go test -run "^$" -bench . -benchtime 1x ./cmd/fromcache-bench [-short] [-args -fromcache FILE -old FILE -tree DIR]
//
// It builds the real fromcache, makes a data directory, starts fromcache serve and nginx as processes
// of their own on loopback ports, and drives them with the same client: wrk, or ab for HEAD, which wrk
// can't do; 32 keep-alive connections, one request at a time on each.
//
//	Head     HEAD of a held artifact, against nginx's static file
//	Crowd    the same on 200 connections
//	Connect  the same on a new connection each, as a shim asks
//	Get64k   GET of a held artifact of 64 KiB, likewise
//	CPU      server CPU seconds for 1 GiB of a large artifact, with 1, 8 and 64 readers, likewise
//	TLS      Head, Connect and CPU of one reader over TLS 1.3, by the same certificate and cipher
//	Miss     HEAD of what is noted in misses/ already, against nginx's 404
//	NewMiss  GET of what was never asked for: notes made a second, against a plain write and rename
//	Fetch    a download from queue/ to the commit, against curl | tee FILE | sha256sum && sync FILE
//	Large    100,000 artifacts: the first answer after the start, memory after 10,000 hits, ls artifacts
//	Shim     a call of curl through the shim, against the bare call, and a C program that only execs
//	Pages    the same with 10,000 misses and 200 open pages: each page, an mv to its event, first paint
//	Million  1,000,000 artifacts, with -args -tree DIR alone: what Large and Pages tell, and the verbs
//
// Head, Crowd, Connect, Get64k and Miss also measure Varnish and Squid before that nginx, where they are
// installed, and the binary of -old; their ratios are to nginx, too.
//
// # How to read it
//
// A machine's figures mean little, and on a busy one not even they stand still. So ours and theirs take
// turns, a short round each, and what counts is the ratio of two rounds that were neighbours: its
// median, with the quartiles beside it. Each ratio has two targets, one to hold and one to
// aim at; the verdict is the median's. Rates are what two cores, client and server together, can do. The
// line below a rate is server CPU for one request, which the client has no part in: where the client is
// what limits, it tells more than the rate.
//
// The status of every answer is checked, and the bytes of each artifact once. A figure fails nothing;
// a wrong answer does.
package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fromcache/cmd/internal/testbed"
)

var binary = flag.String("fromcache", "", "measure this `FILE` instead of building ./cmd/fromcache")

// old may be a fromcache of before, which takes part in what is compared with nginx.
var old = flag.String("old", "", "measure this `FILE`, too")

// connections is how many a client keeps open: enough that neither server ever waits for it, few enough
// to be a lab.
const connections = 32

// dir holds what the benchmarks share: the binary, and the tree of Large and Pages.
var dir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if f := flag.Lookup("test.bench"); f.Value.String() == "" {
		return m.Run()
	}
	var err error
	if dir, err = os.MkdirTemp("", "fromcache-bench-"); err == nil {
		defer os.RemoveAll(dir)
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	preamble()
	return m.Run()
}

// build makes the fromcache that is measured, as make build does.
func build() error {
	if *binary != "" {
		return nil
	}
	*binary = filepath.Join(dir, "fromcache")
	return testbed.Build(*binary, "fromcache/cmd/fromcache")
}

// preamble says what is compared.
func preamble() {
	out, _ := exec.Command(nginxPath(), "-v").CombinedOutput()
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
	fmt.Printf("fromcache (%s) and nginx %s (sendfile on, tcp_nopush on, access_log off, open_file_cache off, 2 workers),\n",
		runtime.Version(), version)
	fmt.Printf("%d CPUs for servers and client, files in %s, %d keep-alive connections, one request at a time on each.\n",
		runtime.NumCPU(), os.TempDir(), connections)
	fmt.Println("Ours and theirs take turns; ratios are ours to theirs, of neighbouring rounds.")
}

// choose is full, or with -short quick.
func choose[T any](full, quick T) T {
	if testing.Short() {
		return quick
	}
	return full
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
