package httpd

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/httpd/access"
)

// newTLSWorld answers over TLS; the client speaks HTTP/2 to it, and trusts no other.
func newTLSWorld(t *testing.T, o Options) (*world, *http.Client) {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	defer lender.Close()
	o.TLS = &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	way := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(way.CloseIdleConnections)
	return newWorld(t, o), &http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestTLS: bytes, pages, streams of changes and the refusal of plain HTTP, all on one port.
func TestTLS(t *testing.T) {
	w, client := newTLSWorld(t, Options{Access: access.Options{Password: "secret"}})
	w.putIn("https://vendor.example/a.bin", "bytes")
	home := "https://" + w.addr
	ask := func(path string) *http.Response {
		t.Helper()
		resp, err := client.Get(home + path)
		w.must(err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	resp := ask("/b/" + token("https://vendor.example/a.bin"))
	if b, err := io.ReadAll(resp.Body); string(b) != "bytes" || err != nil || resp.ProtoMajor != 2 || resp.Header.Get("X-Fromcache-Sha256") == "" {
		t.Errorf("%q, %v, %s, %v", b, err, resp.Proto, resp.Header)
	}
	signedIn, err := client.PostForm(home+"/ui/login", url.Values{"password": {"secret"}})
	w.must(err)
	signedIn.Body.Close()
	if c := signedIn.Cookies(); len(c) != 1 || !c[0].Secure {
		t.Fatalf("cookies of the sign-in: %v", c)
	}
	req, err := http.NewRequest(http.MethodGet, home+"/events", nil)
	w.must(err)
	req.AddCookie(signedIn.Cookies()[0])
	events, err := client.Do(req)
	w.must(err)
	defer events.Body.Close()
	if _, err := io.ReadFull(events.Body, make([]byte, 6)); err != nil {
		t.Errorf("the stream of changes: %v", err)
	}
	plain, err := http.Get("http://" + w.addr + "/healthz")
	w.must(err)
	defer plain.Body.Close()
	if b, _ := io.ReadAll(plain.Body); plain.StatusCode != 400 || !strings.Contains(string(b), "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP is answered %s %q", plain.Status, b)
	}
	if _, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
}

// TestStalledReaderOverTLSIsCut as one of plain HTTP is.
func TestStalledReaderOverTLSIsCut(t *testing.T) {
	w, _ := newTLSWorld(t, Options{StallTimeout: time.Second})
	w.hollow("https://vendor.example/big.bin", 1<<30)
	raw, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer raw.Close()
	w.must(raw.(*net.TCPConn).SetReadBuffer(16 << 10))
	w.must(raw.SetReadDeadline(time.Now().Add(30 * time.Second)))
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	_, err = io.WriteString(c, "GET /b/"+token("https://vendor.example/big.bin")+" HTTP/1.1\r\nHost: x\r\n\r\n")
	w.must(err)
	_, err = io.ReadFull(c, make([]byte, 1))
	w.must(err)
	eventually(t, "the blob stays open", func() bool { return !isOpen(t, "/blobs/") })
	if n, err := io.Copy(io.Discard, c); err == nil || n >= 1<<30 {
		t.Errorf("%d bytes and no error", n)
	}
}

// TestStalledStreamIsReset, and the connection goes on with others.
func TestStalledStreamIsReset(t *testing.T) {
	w, client := newTLSWorld(t, Options{StallTimeout: 300 * time.Millisecond})
	w.hollow("https://vendor.example/big.bin", 1<<30)
	resp, err := client.Get("https://" + w.addr + "/b/" + token("https://vendor.example/big.bin"))
	w.must(err)
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, make([]byte, 1))
	w.must(err)
	eventually(t, "the blob stays open", func() bool { return !isOpen(t, "/blobs/") })
	health, err := client.Get("https://" + w.addr + "/healthz")
	w.must(err)
	health.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n >= 1<<30 {
		t.Errorf("%d bytes and no error", n)
	}
}

// isOpen reports whether this process has a file open whose path has a part.
func isOpen(t *testing.T, part string) bool {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.Contains(to, part) {
			return true
		}
	}
	return false
}

// TestStreamsShareTheRoom: an answer of a shared connection waits for a descriptor as any other does.
func TestStreamsShareTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newConnLimit(nowhere{}, 8, func(error) {})
		l.come()
		var inside, done atomic.Int64
		end := make(chan bool)
		for range 20 {
			go func() {
				defer l.stream()()
				inside.Add(1)
				<-end
				inside.Add(-1)
				done.Add(1)
			}()
		}
		for done.Load() < 20 {
			synctest.Wait()
			if n := inside.Load(); n > 7 || n == 0 {
				t.Fatalf("%d answers and a connection have 8 descriptors", n)
			}
			end <- true
			synctest.Wait()
		}
		if l.answering != 0 {
			t.Errorf("%d answers are counted when all have ended", l.answering)
		}
	})
}

// TestManyStreams: more answers than may be at once, over one connection, all come, and nothing of them stays.
func TestManyStreams(t *testing.T) {
	w, client := newTLSWorld(t, Options{})
	w.putIn("https://vendor.example/a.bin", "bytes")
	before := runtime.NumGoroutine()
	failed := make(chan error, 3*maxStreams)
	for range 3 * maxStreams {
		go func() {
			resp, err := client.Get("https://" + w.addr + "/b/" + token("https://vendor.example/a.bin"))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			failed <- err
		}()
	}
	for range 3 * maxStreams {
		w.must(<-failed)
	}
	client.CloseIdleConnections()
	eventually(t, "goroutines stay", func() bool { return runtime.NumGoroutine() <= before+4 })
}

// A client that comes again resumes its session by the ticket that it was given (RFC 8446, 2.2), which
// costs no signature: in either version of TLS.
func TestSecondConnectionResumes(t *testing.T) {
	w, _ := newTLSWorld(t, Options{})
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		config := &tls.Config{
			InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4), //nolint:gosec // it is ours
			MinVersion: version, MaxVersion: version,
		}
		for connection, resumes := range []bool{false, true} {
			c, err := tls.Dial("tcp", w.addr, config)
			w.must(err)
			io.WriteString(c, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if b, err := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.1 200 OK\r\n") {
				t.Errorf("TLS %s: %q, %v", name, b, err)
			}
			if got := c.ConnectionState().DidResume; got != resumes {
				t.Errorf("TLS %s, connection %d: resumed %v, where %v is right", name, connection+1, got, resumes)
			}
			c.Close()
		}
	}
}
