package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fromcache/httpd/answer"
)

// server is an http.Server behind a Listener that answers /plain and panics at /panic.
type server struct {
	addr     string
	below    *Listener
	stop     context.CancelFunc
	closed   atomic.Int32 // connections that the front has closed
	panicked atomic.Int32
}

func newServer(t *testing.T, idle time.Duration) *server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &server{addr: ln.Addr().String(), stop: stop}
	s.below = Listen(ctx, answer.Listen(ln, time.Minute), Options{
		Answer: s.answer, HeadTimeout: idle, IdleTimeout: idle,
		State:    func(net.Conn, http.ConnState) { s.closed.Add(1) },
		Panicked: func(any, []byte) { s.panicked.Add(1) },
	})
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "net/http "+r.URL.Path)
	})}
	go hs.Serve(s.below)
	t.Cleanup(func() { stop(); hs.Close() })
	return s
}

func (s *server) answer(r *Request) (bool, error) {
	switch string(r.Target) {
	case "/plain":
		text := fmt.Appendf(nil, "front %s", r.Agent)
		length := fmt.Appendf(nil, "Content-Length: %d\r\n", len(text))
		return true, r.Conn.WriteHead(append(r.AppendHead(r.Room, "200 OK", length), text...), false)
	case "/gone":
		return true, net.ErrClosed
	case "/panic":
		panic("so it is")
	}
	return false, nil
}

// ask sends pieces one after the other, ends its side, and returns the bodies of the answers.
func (s *server) ask(t *testing.T, pieces ...string) (bodies []string) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(5 * time.Millisecond)
		}
		if _, err := io.WriteString(c, piece); err != nil {
			t.Fatal(err)
		}
	}
	c.(*net.TCPConn).CloseWrite()
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return bodies
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		bodies = append(bodies, string(b))
	}
}

func TestWhoAnswers(t *testing.T) {
	s := newServer(t, time.Minute)
	plain, other := "GET /plain HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n", "GET /other HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n"
	for name, c := range map[string]struct {
		pieces []string
		want   string
	}{
		"one":                   {[]string{plain}, "front x"},
		"a pipeline":            {[]string{plain + plain + plain}, "front x|front x|front x"},
		"pieces":                {[]string{plain[:3], plain[3:20], plain[20:], plain}, "front x|front x"},
		"for good":              {[]string{plain + other, plain}, "front x|net/http /other|net/http /plain"},
		"split other":           {[]string{other[:3], other[3:]}, "net/http /other"},
		"a condition":           {[]string{"GET /plain HTTP/1.1\r\nHost: a\r\nIf-None-Match: x\r\n\r\n"}, "net/http /plain"},
		"a body":                {[]string{"GET /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx" + plain}, "net/http /plain|net/http /plain"},
		"half a head":           {[]string{plain + plain[:20]}, "front x|400 Bad Request"},
		"no Host":               {[]string{"GET /plain HTTP/1.1\r\n\r\n"}, "400 Bad Request: missing required Host header"},
		"close":                 {[]string{"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + plain}, "front "},
		"HTTP/1.0":              {[]string{"GET /plain HTTP/1.0\r\nHost: a\r\n\r\n" + plain}, "front "},
		"a head of 5 KiB":       {[]string{"GET /plain?" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nHost: a\r\n\r\n"}, "net/http /plain"},
		"who is not written to": {[]string{"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n" + plain}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(s.ask(t, c.pieces...), "|"); got != c.want {
				t.Errorf("%q, where %q is right", got, c.want)
			}
		})
	}
}

// A panic closes the connection that it was on, and no other.
func TestPanic(t *testing.T) {
	s := newServer(t, time.Minute)
	if got := s.ask(t, "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n"); got != nil {
		t.Errorf("answered: %q", got)
	}
	if got := s.ask(t, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"); len(got) != 1 {
		t.Errorf("nothing is answered any more: %q", got)
	}
	if s.panicked.Load() != 1 || s.closed.Load() == 0 {
		t.Errorf("told of %d panics, and of %d that are closed", s.panicked.Load(), s.closed.Load())
	}
}

// Who sends nothing, or half a head, is closed in time, before and after an answer.
func TestSlow(t *testing.T) {
	s := newServer(t, 50*time.Millisecond)
	plain := "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, text := range map[string]string{"nothing": "", "half": plain[:9], "idle": plain, "half of the next": plain + plain[:9]} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, text)
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stays: %v", name, err)
		}
	}
}

// What was accepted before the end may still be handed on; Close ends that.
func TestClose(t *testing.T) {
	s := newServer(t, time.Minute)
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(target string) string {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n", target)
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err.Error()
		}
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	if got := ask("/plain"); got != "front x" {
		t.Error(got)
	}
	s.stop()
	s.below.Listener.Close()
	<-s.below.Below()
	if got := ask("/other"); got != "net/http /other" {
		t.Error(got)
	}
	s.below.Close()
	if _, err := s.below.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
