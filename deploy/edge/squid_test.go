package edge

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startSquid runs squid.conf as it is, but for addresses and directories.
func (s *site) startSquid() {
	s.t.Helper()
	squid, port := find(s.t, "squid"), freePort(s.t)
	dir := openDir(s.t)
	host, at, _ := net.SplitHostPort(s.line.Addr().String())
	conf := s.fill("squid.conf",
		"cache_peer cache-host parent 3000 ", "cache_peer "+host+" parent "+at+" ",
		"http_port 3000 ", "http_port 127.0.0.1:"+port+" ",
		"/var/spool/squid/fromcache 500000", filepath.Join(dir, "kept")+" 500",
		"\n# request_header_add", "\nrequest_header_add", "\n# logformat", "\nlogformat", "\n# acl", "\nacl",
		"\n# access_log", "\naccess_log", "/var/log/squid/hits.log", filepath.Join(dir, "hits"))
	b, err := os.ReadFile(conf)
	if err == nil {
		text := fmt.Sprintf("pid_filename %s/pid\ncache_log %[1]s/log\ncoredump_dir %[1]s\npinger_enable off\n", dir)
		err = os.WriteFile(conf, append(b, text...), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	name := "edge" + port // of its shared memory
	if out, err := exec.Command(squid, "-n", name, "-N", "-z", "-f", conf).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	start(s.t, squid, "-n", name, "-N", "-d", "1", "-f", conf)
	s.edge = "http://127.0.0.1:" + port
	s.waitForEdge()
	start(s.t, "sh", "-c", `tail -n +1 -F "$1" | ./count-hits "$2"`, "-", filepath.Join(dir, "hits"), "http://"+s.line.to)
}

// openDir makes a directory that all users may write, because Squid that is started by root works as
// a user of its own.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edge")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestSquid is a day at an edge that asks once a minute. What shows after that minute is tried in the
// long run.
func TestSquid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startSquid()
	all := []part{
		{"hits", readSome},
		{"one copy for all", oneCopy},
		{"an answer is the cache-host's", sameAnswers},
		{"many GETs over new versions", replacedOften},
		{"a miss", missed},
		{"hits are counted", counted("5")},
	}
	if os.Getenv("FROMCACHE_LONG") != "" {
		s.asksAfter = 61 * time.Second
		all = append(all, part{"a new version in the midst of a GET", replacedMidway}, part{"an evict", evicted})
	}
	s.parts(append(all, part{"the cache-host is killed", killed}))
}
