package edge

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// startVarnish runs varnish.vcl as it is, but for the cache-host's address.
func (s *site) startVarnish() {
	s.t.Helper()
	varnishd, port := find(s.t, "varnishd"), freePort(s.t)
	host, at, _ := net.SplitHostPort(s.line.Addr().String())
	vcl := s.fill("varnish.vcl", `.host = "cache-host"`, `.host = "`+host+`"`, `.port = "3000"`, `.port = "`+at+`"`,
		`# set bereq.http.Sec-Purpose`, `set bereq.http.Sec-Purpose`)
	start(s.t, varnishd, "-F", "-j", "none", "-n", filepath.Join(s.dir, "varnish"), "-a", "127.0.0.1:"+port, "-f", vcl,
		"-s", "file,"+filepath.Join(s.dir, "kept")+",512M")
	s.edge = "http://127.0.0.1:" + port
	s.waitForEdge()
	log := filepath.Join(s.dir, "log")
	start(s.t, "sh", "-c", `varnishncsa -n "$1" -q 'ReqMethod eq "GET" and not RespStatus != 200' -F '%h %U' |
		tee "$2" | ./count-hits "$3"`, "-", filepath.Join(s.dir, "varnish"), log, "http://"+s.line.to)
	s.eventually("a log is written", func() bool {
		get(s.edge + "/healthz")
		st, err := os.Stat(log)
		return err == nil && st.Size() > 0
	})
}

// TestVarnish is a day at an edge that keeps whole artifacts.
func TestVarnish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startVarnish()
	s.day("5")
}
