package edge

import (
	"net"
	"path/filepath"
	"testing"
)

// startVarnish runs varnish.vcl as it is, but for the cache-host's address.
func (s *site) startVarnish() {
	s.t.Helper()
	varnishd, port := find(s.t, "varnishd"), freePort(s.t)
	host, at, _ := net.SplitHostPort(s.line.Addr().String())
	vcl := s.fill("varnish.vcl", `.host = "cache-host"`, `.host = "`+host+`"`, `.port = "3000"`, `.port = "`+at+`"`)
	start(s.t, varnishd, "-F", "-j", "none", "-n", filepath.Join(s.dir, "varnish"), "-a", "127.0.0.1:"+port, "-f", vcl,
		"-s", "file,"+filepath.Join(s.dir, "kept")+",512M")
	s.edge = "http://127.0.0.1:" + port
	s.waitForEdge()
}

// TestVarnish is a day at an edge that keeps whole artifacts.
func TestVarnish(t *testing.T) {
	s := newSite(t)
	s.startVarnish()
	s.parts([]part{
		{"one copy for all", oneCopy},
		{"an answer is the cache-host's", sameAnswers},
		{"a rangeless artifact", rangeless},
		{"a new version in the midst of a GET", replacedMidway},
		{"many GETs over new versions", replacedOften},
		{"a miss", missed},
		{"an evict", evicted},
		{"the cache-host is killed", killed},
	})
}
