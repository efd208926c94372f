package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
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
		listen 127.0.0.1:%[2]d;
		root %[3]s;
		# The same file under any number of URLs, for the download section.
		location /origin/ { rewrite ^/origin/[0-9]+/(.*)$ /$1 break; }
	}
}
`

var errNoNginx = errors.New("nginx is not installed, and the bench compares with it: apt-get install nginx-light")

// findNginx looks where Debian puts it too, for a user's PATH may lack sbin.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoNginx
}

func nginxVersion(ctx context.Context) (string, error) {
	path, err := findNginx()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
	return version, err
}

// startNginx serves the files under root.
func (b *bench) startNginx(ctx context.Context, root string) (*server, error) {
	path, err := findNginx()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "nginx-")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, dir, port, root, asUser())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := start(path, "-p", dir, "-c", config, "-e", filepath.Join(dir, "error.log"))
	if err != nil {
		return nil, err
	}
	return newServer(ctx, p, port)
}

// asUser lets nginx's workers read what we may read, where they would change to another user.
func asUser() string {
	u, err := user.Current()
	if err != nil || u.Uid != "0" {
		return ""
	}
	return "user " + u.Username + ";"
}
