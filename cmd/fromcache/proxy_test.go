package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// forward is a proxy as a lab's may be: it wants a password, opens tunnels for https, relays http, and resolves every name
// to an origin of ours.
type forward struct {
	plain, secure *httptest.Server
	mu            sync.Mutex
	asked         []string
}

func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.RequestURI)
	f.mu.Unlock()
	if name, password, ok := proxyUser(r); !ok || name != "operator" || password != "secret" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect {
		f.tunnel(w)
		return
	}
	r.RequestURI = ""
	r.URL.Host = f.plain.Listener.Addr().String()
	r.Header.Del("Proxy-Authorization")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for k, v := range answer.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body) //nolint:errcheck // the client sees a short body
}

func proxyUser(r *http.Request) (name, password string, ok bool) {
	r = &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return r.BasicAuth()
}

func (f *forward) tunnel(w http.ResponseWriter) {
	to, err := net.Dial("tcp", f.secure.Listener.Addr().String())
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	from, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer from.Close()
	io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n") //nolint:errcheck // the copy says so too
	done := make(chan struct{})
	go func() {
		io.Copy(to, from) //nolint:errcheck // either side may hang up
		to.Close()
		close(done)
	}()
	io.Copy(from, to) //nolint:errcheck // either side may hang up
	from.Close()
	<-done
}

// TestWayOutThroughAProxy runs the real server with the variables that a lab sets. The proxy is on a loopback address, which
// is refused to origins and not to it; what NO_PROXY names goes there directly, and is judged.
func TestWayOutThroughAProxy(t *testing.T) {
	origin := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		fmt.Fprintf(w, "#!/bin/sh\n# %s%s\n", r.Host, r.URL)
	})
	f := &forward{plain: httptest.NewServer(origin), secure: httptest.NewTLSServer(origin)}
	defer f.plain.Close()
	defer f.secure.Close()
	proxy := httptest.NewServer(f)
	defer proxy.Close()
	defer proxy.CloseClientConnections()

	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: f.secure.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.Replace(proxy.URL, "://", "://operator:secret@", 1)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "SSL_CERT_FILE=" + ca, "FROMCACHE_DATA_DIR=" + filepath.Join(dir, "data"),
		"HTTP_PROXY=" + address, "HTTPS_PROXY=" + address, "NO_PROXY=.internal.invalid"}
	fromcache := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Args = append([]string{"fromcache"}, args...)
		cmd.Env, cmd.Dir = env, dir
		return cmd
	}
	var log strings.Builder
	server := fromcache("serve", "--host", "127.0.0.1", "--port", "0", "--min-free", "0")
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		server.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		server.Wait()                          //nolint:errcheck // the log tells
	})
	defer end()
	for _, c := range []struct{ url, job, line string }{
		{"https://example.com/secure.run", "done/example.com--*", " done "},
		{"http://vendor.example/plain.run", "done/vendor.example--*", " done "},
		{"https://127.0.0.1/refused.run", "failed/127.0.0.1--*", " the address 127.0.0.1 is refused"},
		{"http://files.internal.invalid/direct.run", "queue/files.internal.invalid--*", " error "}, // no name server knows it
	} {
		if out, err := fromcache("add", c.url).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !waitForLine(filepath.Join(dir, "data", c.job), c.line) {
			end()
			t.Fatalf("no %q in %s\n%s", c.line, c.job, log.String())
		}
	}
	end()
	if got := blobOf(t, dir, "secure.run"); got != "#!/bin/sh\n# example.com/secure.run\n" {
		t.Errorf("https: %q", got)
	}
	if got := blobOf(t, dir, "plain.run"); got != "#!/bin/sh\n# vendor.example/plain.run\n" {
		t.Errorf("http: %q", got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := " " + strings.Join(f.asked, " ")
	if !strings.Contains(asked, " CONNECT example.com:443") || !strings.Contains(asked, " GET http://vendor.example/plain.run") || strings.Contains(asked, "127.0.0") || strings.Contains(asked, "internal") {
		t.Errorf("the proxy was asked:%s", asked)
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the proxy's password is in the log: %s", log.String())
	}
}

// waitForLine waits until a file that glob names holds text.
func waitForLine(glob, text string) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		found, _ := filepath.Glob(glob)
		for _, name := range found {
			if b, err := os.ReadFile(name); err == nil && strings.Contains(string(b), text) {
				return true
			}
		}
	}
	return false
}

// blobOf is the only blob with a name in it.
func blobOf(t *testing.T, dir, name string) string {
	blobs, err := filepath.Glob(filepath.Join(dir, "data/blobs/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		if text, err := os.ReadFile(b); err == nil && strings.Contains(string(text), name) {
			return string(text)
		}
	}
	return ""
}
