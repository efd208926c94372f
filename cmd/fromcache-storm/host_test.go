package storm

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
	"fromcache/fsstore"
)

const cachePort = 3000

// site is a network with an origin, and a data directory for a cache-host.
type site struct {
	*network
	data   string
	origin *origin
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{network: begin(t), data: filepath.Join(t.TempDir(), "data")}
	s.origin = newOrigin(s.network)
	return s
}

// origin serves the same bytes at every path, and counts what is asked of it.
type origin struct {
	url      string
	body     []byte
	slow     time.Duration // before an answer begins
	requests atomic.Int64
	bytes    atomic.Int64
}

func newOrigin(n *network) *origin {
	o := &origin{url: "http://" + originAt, body: bytes.Repeat([]byte("an artifact of the origin.\n"), 40)}
	server := &http.Server{Handler: o}
	l := n.listen("origin", originAt+":80")
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	n.t.Cleanup(func() { server.Close(); served.Wait() })
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	time.Sleep(o.slow)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"one"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(o.body))
	if r.Method == http.MethodGet {
		o.bytes.Add(int64(len(o.body)))
	}
}

// hold makes n artifacts of size bytes held, and returns their URLs.
func (s *site) hold(name string, n, size int) (urls []string) {
	s.t.Helper()
	store, err := fsstore.Open(s.data, fsstore.Options{})
	must(s.t, err)
	defer store.Close()
	by := fsstore.Operator{Via: "cli", Addr: "storm"}
	for i := range n {
		url := fmt.Sprintf("%s/%s-%d.bin", s.origin.url, name, i)
		body := io.LimitReader(endless(fmt.Sprintf("%s ", url)), int64(size))
		_, err := store.Put(fsstore.Addition{URL: url, AcceptAny: true}, body, int64(size), by, func(int64) error { return nil })
		must(s.t, err)
		urls = append(urls, url)
	}
	return urls
}

// add has an operator approve URLs.
func (s *site) add(urls []string) {
	s.t.Helper()
	c := exec.Command(fromcache, append([]string{"add", "--data-dir", s.data}, urls...)...)
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", c, err, out)
	}
}

// endless is a text again and again.
type endless string

func (e endless) Read(b []byte) (int, error) {
	return copy(b, strings.Repeat(string(e), len(b)/len(e)+1)), nil
}

// serve starts the cache-host with so long a queue of connections that nobody has accepted.
func (s *site) serve(somaxconn int, flags ...string) *host {
	s.t.Helper()
	s.in("cache", fmt.Sprintf("echo %d >/proc/sys/net/core/somaxconn", somaxconn))
	args := []string{"nsenter", "--net=/run/netns/cache", "--", fromcache, "serve", "--host", cacheHost, "--port", fmt.Sprint(cachePort),
		"--data-dir", s.data, "--min-free", "0", "--allow-origin", "10.0.0.0/8", "--access-log", "off"}
	h := &host{Server: testbed.NewServer(append(args, flags...)), t: s.t}
	if err := h.Start(time.Minute); err != nil {
		s.t.Fatalf("%v\n%s", err, h.Text())
	}
	s.t.Cleanup(func() {
		if !h.Dead() {
			h.Kill()
		}
		if s.t.Failed() {
			s.t.Logf("the server said:\n%.4000s", h.Text())
		}
	})
	h.before = h.counts()
	return h
}

// host is a cache-host that runs, and what was counted of it.
type host struct {
	*testbed.Server
	t           *testing.T
	before      counts
	descriptors atomic.Int64 // the most that were seen
}

// counts are the kernel's of the cache-host's namespace, and of its process.
type counts struct {
	drops int
	cpu   time.Duration
}

func (h *host) pid() string { return fmt.Sprint(h.Cmd.Process.Pid) }

func (h *host) counts() counts {
	cpu, err := testbed.CPUTime(h.Cmd.Process.Pid)
	must(h.t, err)
	return counts{testbed.TCPCount(h.pid(), "netstat", "TcpExt:", "ListenDrops"), cpu}
}

// since is what was counted after the start.
func (h *host) since() counts {
	now := h.counts()
	return counts{now.drops - h.before.drops, now.cpu - h.before.cpu}
}

// watch looks at the descriptors until stop is closed.
func (h *host) watch(stop <-chan struct{}) {
	for {
		h.descriptors.Store(max(h.descriptors.Load(), int64(h.Descriptors())))
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// dial connects from the nodes' namespace.
func (s *site) dial(network, addr string) (c net.Conn, err error) {
	if entered := s.enter("nodes", func() { c, err = net.Dial(network, addr) }); entered != nil {
		return nil, entered
	}
	return c, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
