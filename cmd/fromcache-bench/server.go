package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// server is a process that answers on a port.
type server struct {
	*process
	port int
}

func newServer(ctx context.Context, p *process, port int) (*server, error) {
	if err := p.answering(ctx, port); err != nil {
		p.stop()
		return nil, err
	}
	return &server{process: p, port: port}, nil
}

// build makes the fromcache that is measured, as make build does.
func (b *bench) build(ctx context.Context) error {
	if b.binary != "" {
		return nil
	}
	b.binary = filepath.Join(b.dir, "fromcache")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "fromcache/cmd/fromcache")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building fromcache: %w\n%s", err, out)
	}
	return nil
}

// serve starts fromcache serve on a data directory. The flags let it note as many misses as we make, and fetch from here.
func (b *bench) serve(ctx context.Context, data string) (*server, error) {
	p, port, err := b.startServe(data)
	if err != nil {
		return nil, err
	}
	return newServer(ctx, p, port)
}

func (b *bench) startServe(data string) (*process, int, error) {
	port, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	p, err := start(b.binary, "serve", "--data-dir", data, "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--max-misses", "10000000", "--allow-origin", "127.0.0.0/8", "--min-free", "0", "--log-level", "warn")
	return p, port, err
}

// preamble says what is compared.
func (b *bench) preamble(ctx context.Context) error {
	nginx, err := nginxVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "fromcache (%s) and nginx %s (sendfile on, tcp_nopush on, access_log off, open_file_cache off, 2 workers),\n",
		runtime.Version(), nginx)
	fmt.Fprintf(b.out, "%d CPUs for servers and client, files in %s, %d keep-alive connections, one request at a time on each.\n",
		runtime.NumCPU(), os.TempDir(), connections)
	fmt.Fprintln(b.out, "Ours and theirs take turns; ratios are ours to theirs, of neighbouring rounds.")
	return nil
}

// tokenPath is the address at which the cache-host answers for an origin URL.
func tokenPath(url string) string {
	return "/b/" + base64.RawURLEncoding.EncodeToString([]byte(url)) + "/" + filepath.Base(url)
}

// ask prepares a request as curl would send it.
func ask(method, path string, port, status int, length int64, digest string) *request {
	wire := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n", method, path, addr(port))
	return &request{wire: []byte(wire), head: method == "HEAD", status: status, length: length, sha256: digest}
}

// timed runs f and tells what it cost the server, and us.
func (s *server) timed(f func() (n int, took time.Duration, err error)) (sample, error) {
	pids, err := s.family()
	if err != nil {
		return sample{}, err
	}
	server, err := cpuTime(pids...)
	if err != nil {
		return sample{}, err
	}
	client, err := cpuTime(os.Getpid())
	if err != nil {
		return sample{}, err
	}
	n, took, err := f()
	if err == nil && n == 0 {
		err = errors.New("a round without an answer")
	}
	if err != nil {
		return sample{}, s.postMortem(err)
	}
	serverAfter, err := cpuTime(pids...)
	if err != nil {
		return sample{}, err
	}
	clientAfter, err := cpuTime(os.Getpid())
	each := func(d time.Duration) float64 { return d.Seconds() / float64(n) }
	return sample{rate: float64(n) / took.Seconds(), cpu: each(serverAfter - server), client: each(clientAfter - client)}, err
}
