package fetch

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

var benchSize = flag.Int64("size", 256<<20, "bytes that BenchmarkFetch downloads")

// origin serves one file with sendfile, over http or https.
func fileOrigin(b *testing.B, size int64, tls, http2 bool) *httptest.Server {
	path := filepath.Join(b.TempDir(), "f.run")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	chunk := noise(3, 1<<20)
	for n := int64(0); n < size; n += int64(len(chunk)) {
		f.Write(chunk[:min(int64(len(chunk)), size-n)])
	}
	f.Close()
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		http.ServeFile(w, r, path)
	})
	s := httptest.NewUnstartedServer(serve)
	s.EnableHTTP2 = http2
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	b.Cleanup(s.Close)
	return s
}

// BenchmarkFetch downloads in turn with curl | tee FILE | sha256sum && sync FILE and with the pool, from one origin to one
// file system, and reports how fast the pool is beside curl: x.
func BenchmarkFetch(b *testing.B) {
	for _, scheme := range []string{"http", "https", "https, HTTP/2", "https, far away", "https, HTTP/2, far away"} {
		b.Run(scheme, func(b *testing.B) {
			o := fileOrigin(b, *benchSize, strings.HasPrefix(scheme, "https"), strings.Contains(scheme, "HTTP/2"))
			if strings.Contains(scheme, "far") {
				o.URL = "https://" + farAway(b, o.Listener.Addr().String(), 20*time.Millisecond)
			}
			dir := b.TempDir()
			l := &lab{dir: filepath.Join(dir, "data"), log: new(locked)}
			var err error
			if l.s, err = fsstore.Open(l.dir, fsstore.Options{}); err != nil {
				b.Fatal(err)
			}
			defer l.s.Close()
			t := &testing.T{}
			l.t = t
			l.p = l.pool(Options{})
			l.p.client.TLS = testRoots()
			b.SetBytes(*benchSize)
			var ours, curls time.Duration
			for i := 0; b.Loop(); i++ {
				curls += timeCurl(b, o.URL, dir)
				url := fmt.Sprintf("%s/%d.run", o.URL, i)
				began := time.Now()
				if st, reason := l.fetch(fsstore.Addition{URL: url}); st != fsstore.Done {
					b.Fatal(st, reason)
				}
				ours += time.Since(began)
				forget(b, l, url)
			}
			b.ReportMetric(curls.Seconds()/ours.Seconds(), "x")
			b.ReportMetric(float64(*benchSize)*float64(b.N)/ours.Seconds()/1e6, "pool-MB/s")
			b.ReportMetric(float64(*benchSize)*float64(b.N)/curls.Seconds()/1e6, "curl-MB/s")
		})
	}
}

// farAway is an address from which every byte takes so long to another, and as long back.
func farAway(b *testing.B, to string, delay time.Duration) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				return
			}
			go relay(far, near, delay)
			go relay(near, far, delay)
		}
	}()
	return ln.Addr().String()
}

func relay(to, from net.Conn, delay time.Duration) {
	type piece struct {
		b  []byte
		at time.Time
	}
	pieces := make(chan piece, 1<<14)
	go func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			to.Write(p.b)
		}
	}()
	defer close(pieces)
	for {
		b := make([]byte, 64<<10)
		n, err := from.Read(b)
		if n > 0 {
			pieces <- piece{b[:n], time.Now().Add(delay)}
		}
		if err != nil {
			return
		}
	}
}

func timeCurl(b *testing.B, url, dir string) time.Duration {
	file := filepath.Join(dir, "curl.out")
	os.Remove(file)
	cmd := exec.Command("sh", "-c", `curl -sSfk --noproxy '*' "$0/x.run" | tee "$1" | sha256sum >/dev/null && sync "$1"`, url, file)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Skip(err)
	}
	return time.Since(began)
}

// forget removes the artifact and its blob, to begin anew without filling the disk.
func forget(b *testing.B, l *lab, url string) {
	a, err := l.s.Lookup(url)
	if err != nil {
		b.Fatal(err)
	}
	l.s.Evict(a.Key, fsstore.Operator{Via: "cli"})
	l.s.Clear(fsstore.Operator{Via: "cli"})
	os.Remove(filepath.Join(l.dir, "blobs", a.SHA256))
}
