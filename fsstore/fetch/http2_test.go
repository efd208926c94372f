package fetch

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fromcache/fsstore"
)

// TestHTTP2: a TLS origin that speaks it is asked in HTTP/2, and what ends there badly is as certain as in HTTP/1.1.
func TestHTTP2(t *testing.T) {
	serve := func(w http.ResponseWriter, r *http.Request, n int32) {
		w.Header().Set("ETag", `"a"`)
		switch r.URL.Path {
		case "/unsized.run":
			w.Write(body[:half])
			w.(http.Flusher).Flush()
			w.Write(body[half:])
		case "/cut.run":
			if n == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				w.Write(body[:half])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		case "/unsized-cut.run":
			w.Write(body[:half])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/refused.run":
			panic(http.ErrAbortHandler)
		case "/header.run":
			for i := range 5 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 60<<10))
			}
		case "/silent.run":
			<-r.Context().Done()
		case "/digest.run":
			w.Header().Set("Trailer", "Repr-Digest")
			w.Write(body)
			w.Header().Set("Repr-Digest", "sha-256=:"+b64(sum256(other))+":")
		default:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}
	}
	for _, c := range []struct {
		path, file, reason string
		proto              string
		requests           int32
	}{
		{"/f.run", "", "", "HTTP/2.0", 1},
		{"/f.run", "http1\n", "", "HTTP/1.1", 1},
		{"/a%7cb//c.run?x=%2f&y", "", "", "HTTP/2.0", 1},
		{"//f.run", "", "", "HTTP/2.0", 1},
		{"/unsized.run", "", "", "HTTP/2.0", 1},
		{"/cut.run", "", "", "HTTP/2.0", 2},
		{"/unsized-cut.run", "", "broke after 150000 bytes", "HTTP/2.0", 2},
		{"/refused.run", "", "add the line `http1` to the file 127.0.0.1", "HTTP/2.0", 2},
		{"/refused.run", "http1\n", "failed (EOF)", "HTTP/1.1", 2},
		{"/header.run", "", "256 KiB", "HTTP/2.0", 1},
		{"/silent.run", "header-timeout 50ms\n", "no header in 50ms", "HTTP/2.0", 2},
		{"/digest.run", "", "Repr-Digest", "HTTP/2.0", 1},
	} {
		var requests atomic.Int32
		var mu sync.Mutex
		var protos, targets []string
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			protos, targets = append(protos, r.Proto), append(targets, r.RequestURI)
			mu.Unlock()
			serve(w, r, requests.Add(1))
		}))
		s.EnableHTTP2 = true
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		l := newLab(t, Options{Retries: 2, Origins: dirFS(t, "127.0.0.1", c.file)})
		l.p.client.TLS = testRoots()
		st, reason := l.fetch(fsstore.Addition{URL: s.URL + c.path})
		if (st == fsstore.Done) != (c.reason == "") || !strings.Contains(reason, c.reason) || c.reason == "" && !bytes.Equal(l.held(s.URL+c.path), body) {
			t.Errorf("%s %q: %s: %s", c.path, c.file, st, reason)
		}
		mu.Lock()
		if len(protos) == 0 || protos[0] != c.proto || targets[0] != c.path || requests.Load() != c.requests {
			t.Errorf("%s %q: %d requests, %v %v", c.path, c.file, requests.Load(), protos, targets)
		}
		mu.Unlock()
		s.Close()
	}
}

// TestHTTP2Lost: a connection that breaks under an answer is a broken download, which is resumed.
func TestHTTP2Lost(t *testing.T) {
	var requests atomic.Int32
	var mu sync.Mutex
	var conns []net.Conn
	var ranges []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ranges = append(ranges, r.Header.Get("Range"))
		mu.Unlock()
		w.Header().Set("ETag", `"a"`)
		if requests.Add(1) > 1 {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:half])
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond) // so that it is read
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}
	s.StartTLS()
	defer s.Close()
	l := newLab(t, Options{})
	l.p.client.TLS = testRoots()
	st, reason := l.fetch(fsstore.Addition{URL: s.URL + "/f.run"})
	if st != fsstore.Done || !bytes.Equal(l.held(s.URL+"/f.run"), body) || len(ranges) != 2 || ranges[1] == "" {
		t.Errorf("%s: %s; asked for %q", st, reason, ranges)
	}
	l.fsck()
}

// TestHTTP11Required: who speaks HTTP/2 only to ask for HTTP/1.1 gets that, as IIS does where a client certificate is wanted.
func TestHTTP11Required(t *testing.T) {
	conf := testTLS()
	conf.NextProtos = []string{"h2", "http/1.1"}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	var protos []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conn := c.(*tls.Conn)
			conn.Handshake()
			protos = append(protos, conn.ConnectionState().NegotiatedProtocol)
			if conn.ConnectionState().NegotiatedProtocol == "h2" {
				io.ReadFull(conn, make([]byte, 24))           // the preface
				conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
				for head := make([]byte, 9); head[3] != 1; {  // until HEADERS
					io.ReadFull(conn, head)
					io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
				}
				conn.Write([]byte{0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 13}) // RST_STREAM
				conn.Read(make([]byte, 100))
			} else if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", length)
				conn.Write(body)
			}
			conn.Close()
		}
	}()
	l := newLab(t, Options{Retries: 1})
	l.p.client.TLS = testRoots()
	st, reason := l.fetch(fsstore.Addition{URL: "https://" + ln.Addr().String() + "/f.run"})
	ln.Close()
	<-ended
	if st != fsstore.Done || strings.Join(protos, ",") != "h2," { // the second time none is asked for
		t.Errorf("%s: %s; %q", st, reason, protos)
	}
}
