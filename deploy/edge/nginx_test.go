package edge

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// startNginx runs nginx.conf as it is, but for addresses and directories.
func (s *site) startNginx() {
	s.t.Helper()
	nginx, port := find(s.t, "nginx"), freePort(s.t)
	conf := s.fill("nginx.conf",
		"listen 3000 ", "listen 127.0.0.1:"+port+" ",
		"listen [::]:3000 reuseport backlog=32768;", "",
		"/var/cache/nginx/fromcache", filepath.Join(s.dir, "kept"),
		"server cache-host:3000", "server "+s.line.Addr().String())
	main := "daemon off; pid " + filepath.Join(s.dir, "pid") + "; error_log stderr error; events { worker_connections 4096; }\nhttp {\n"
	if os.Getuid() == 0 {
		main = "user root; " + main // who can read the test's directory
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(s.dir, kind))
	}
	path := filepath.Join(s.dir, "main.conf")
	if err := os.WriteFile(path, []byte(main+"include "+conf+";\n}\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	start(s.t, nginx, "-e", "stderr", "-c", path)
	s.edge = "http://127.0.0.1:" + port
	s.waitForEdge()
}

// TestNginx is a day at the edge of one site.
func TestNginx(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.keepsConnections = true
	s.startNginx()
	s.day("6")
}
