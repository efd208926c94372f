package bench

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
)

// nginxConfig is what a careful operator would write for a server of static files: no log of hits or of 404s, sendfile, long
// lives for connections. open_file_cache stays off, as by default: with it nginx would answer for files that are
// gone, which the cache-host never does.
const nginxConfig = `
daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log crit;
worker_processes 2;
%[4]s
events { worker_connections 1024; }
http {
	default_type application/octet-stream;
	access_log off;
	log_not_found off;
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	keepalive_timeout 10m;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]d%[5]s;
		root %[3]s;
		# The same file under any number of URLs, for the download section.
		location /origin/ { rewrite ^/origin/[0-9]+/(.*)$ /$1 break; }
	}
}
`

// nginxPath is where Debian puts it, too, for a user's PATH may lack sbin.
func nginxPath() string {
	path, err := exec.LookPath("nginx")
	if err != nil {
		return "/usr/sbin/nginx"
	}
	return path
}

// startNginx serves the files under root.
func startNginx(b *testing.B, root string) *server { return startNginxWith(b, root, "") }

// startNginxWith has more behind the address of listen.
func startNginxWith(b *testing.B, root, more string) *server {
	b.Helper()
	port, home := freePort(b), b.TempDir()
	config := filepath.Join(home, "nginx.conf")
	must(b, os.WriteFile(config, fmt.Appendf(nil, nginxConfig, home, port, root, asUser(), more), 0o600))
	return start(b, port, nginxPath(), "-p", home, "-c", config, "-e", filepath.Join(home, "error.log"))
}

// asUser lets nginx's workers read what we may read, where they would change to another user.
func asUser() string {
	u, err := user.Current()
	if err != nil || u.Uid != "0" {
		return ""
	}
	return "user " + u.Username + ";"
}
