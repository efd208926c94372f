package bench

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// beforeName is the side of the binary of -old.
const beforeName = "old"

// startOthers starts what is there beside ours and nginx, at whose address the caches find the files.
func startOthers(b *testing.B, data, nginx string) (sides []*side) {
	if *old != "" {
		sides = append(sides, &side{server: serveBy(b, *old, data), name: beforeName})
	}
	if path, err := exec.LookPath("varnishd"); err == nil {
		sides = append(sides, &side{server: startVarnish(b, path, nginx), name: "varnish"})
	}
	if path, err := exec.LookPath("squid"); err == nil {
		sides = append(sides, &side{server: startSquid(b, path, nginx), name: "squid"})
	}
	return sides
}

func startVarnish(b *testing.B, path, nginx string) *server {
	port := freePort(b)
	return start(b, port, path, "-F", "-n", b.TempDir(), "-a", addr(port), "-b", nginx, "-s", "malloc,512m",
		"-p", "timeout_idle=600", "-T", "none")
}

// squidConfig keeps all in memory, and writes nothing. A 404 is kept as long as Varnish keeps one.
const squidConfig = `
http_port 127.0.0.1:%[1]d accel no-vhost defaultsite=localhost
cache_peer %[2]s parent %[3]s 0 no-query originserver
http_access allow all
cache_mem 512 MB
maximum_object_size_in_memory 4 MB
negative_ttl 2 minutes
client_idle_pconn_timeout 10 minutes
access_log none
cache_log /dev/null
cache_store_log none
netdb_filename none
pinger_enable off
pid_filename none
coredump_dir none
shutdown_lifetime 0 seconds
`

func startSquid(b *testing.B, path, nginx string) *server {
	port, home := freePort(b), b.TempDir()
	host, nginxPort, err := net.SplitHostPort(nginx)
	must(b, err)
	config := filepath.Join(home, "squid.conf")
	must(b, os.Chmod(home, 0o755)) // squid changes to a user of its own
	must(b, os.WriteFile(config, fmt.Appendf(nil, squidConfig, port, host, nginxPort), 0o644))
	return start(b, port, path, "-N", "-f", config, "-n", "bench"+strconv.Itoa(port))
}
