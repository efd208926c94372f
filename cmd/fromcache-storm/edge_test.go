package storm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const edgeAt = "10.0.3.1"

// TestEdge has all nodes come to an edge, nginx as deploy/edge has it: the bytes leave the cache-host
// once, however many ask and download.
func TestEdge(t *testing.T) {
	nodes := size(1000, 10_000)
	s := newSite(t)
	s.join("edge", edgeAt)
	large := s.hold("large", 1, bulkSize)[0]
	h := s.serve(4096, "--trusted-proxy", edgeAt)
	s.startEdge()
	c := s.crowd(edgeAt, []string{large})
	before, cpu := s.sent("cache"), h.since().cpu
	r := row{name: fmt.Sprintf("%d probes of an edge", nodes)}
	began := time.Now()
	load := s.download(bulkDownloads, edgeAt, large)
	r.fill(s, h, c, func() { must(t, s.run(c, nodes)) })
	took := time.Since(began)
	must(t, load.end())
	r.cpu = (h.since().cpu - cpu) / time.Duration(max(1, c.seen.calls))
	r.print()
	sent, copies := s.sent("cache")-before, float64(load.bytes.Load())/bulkSize
	note("%s: %.3f copies left the cache-host, whole frames and headers; %.1f were downloaded, at %.0f MB/s; memory and CPU are the cache-host's",
		r.name, float64(sent)/bulkSize, copies, float64(load.bytes.Load())/1e6/took.Seconds())
	if sent > bulkSize/100*102 {
		t.Errorf("%d bytes left the cache-host for one copy of %d", sent, bulkSize)
	}
	if copies < 2 {
		t.Errorf("only %.1f copies were downloaded: nothing is shown", copies)
	}
	if n := c.seen.status[200]; n != c.seen.calls {
		t.Errorf("%d of %d calls were hits: %v, %d refused, %d without an answer", n, c.seen.calls, c.seen.turned, c.seen.refused, c.seen.silent)
	}
}

// TestEdgeMiss has 200 nodes ask for what is not held, of the cache-host and of an edge in turn: a
// question that the edge passes on should take no more than twice as long.
func TestEdgeMiss(t *testing.T) {
	const nodes, rounds = 200, 15
	s := newSite(t)
	s.join("edge", edgeAt)
	s.serve(4096, "--trusted-proxy", edgeAt)
	s.startEdge()
	p99 := func(host string) time.Duration {
		c := s.crowd(host, []string{"https://vendor.example/missing.run"})
		must(t, s.run(c, nodes))
		if n := c.seen.status[404]; n != nodes {
			t.Errorf("%d of %d answers of %s were misses: %v, %d refused", n, nodes, host, c.seen.status, c.seen.refused)
		}
		return quantile(c.seen.took, 0.99)
	}
	p99(edgeAt) // opens the connections that the edge keeps
	var near, far []time.Duration
	var ratios []float64
	for range rounds {
		near, far = append(near, p99(cacheHost)), append(far, p99(edgeAt))
		ratios = append(ratios, float64(far[len(far)-1])/float64(near[len(near)-1]))
	}
	slices.Sort(ratios)
	note("%d HEADs of a miss at once, medians of %d rounds: p99 of the cache-host %v, of the edge %v, %.2f times as long (%.2f to %.2f in half of the rounds)", nodes, rounds,
		ms(quantile(near, 0.5)), ms(quantile(far, 0.5)), ratios[rounds/2], ratios[rounds/4], ratios[rounds*3/4])
}

// startEdge runs deploy/edge/nginx.conf, with its numbers of connections and descriptors.
func (s *site) startEdge() {
	s.t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		s.t.Skip("it needs nginx, which is not installed")
	}
	conf, err := os.ReadFile("../../deploy/edge/nginx.conf")
	must(s.t, err)
	dir := s.t.TempDir()
	must(s.t, os.MkdirAll(filepath.Join(dir, "kept"), 0o755))
	text := strings.NewReplacer("cache-host:3000", cacheHost+":3000", "/var/cache/nginx/fromcache", dir+"/kept").Replace(string(conf))
	main := fmt.Sprintf("user root; daemon off; worker_processes 2; worker_rlimit_nofile 65536; pid %[1]s/pid; error_log %[1]s/log alert;\n"+
		"events { worker_connections 16384; multi_accept on; }\nhttp {\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	path := filepath.Join(dir, "nginx.conf")
	must(s.t, os.WriteFile(path, []byte(main+text+"}\n"), 0o644))
	s.in("edge", "echo 32768 >/proc/sys/net/core/somaxconn")
	cmd := exec.Command("nsenter", "--net=/run/netns/edge", nginx, "-e", "stderr", "-c", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	must(s.t, cmd.Start())
	s.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if s.t.Failed() {
			said, _ := os.ReadFile(dir + "/log")
			s.t.Logf("nginx said:\n%.3000s", said)
		}
	})
	for range 1000 {
		if c, err := s.dial("tcp", edgeAt+":3000"); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("nginx does not listen")
}

// sent is how many bytes have left a host, with the headers of all layers.
func (s *site) sent(host string) int64 {
	s.t.Helper()
	out, err := exec.Command("ip", "netns", "exec", host, "cat", "/sys/class/net/eth0/statistics/tx_bytes").Output()
	must(s.t, err)
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	must(s.t, err)
	return n
}
