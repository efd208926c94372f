package fetch

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"fromcache/fsstore"
)

// tlsOrigin serves body as conf has it, and counts connections.
func tlsOrigin(t *testing.T, conf *tls.Config, http2 bool) (base string, connections *atomic.Int32) {
	connections = new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conf.ClientAuth == tls.RequestClientCert && len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusBadRequest) // as nginx does with its ssl_verify_client
			return
		}
		w.Write(body)
	}))
	s.TLS, s.EnableHTTP2 = conf, http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, connections
}

// TestHandshake: what no further attempt changes fails at once, and says what to do.
func TestHandshake(t *testing.T) {
	rsa := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_CBC_SHA}
	for _, c := range []struct {
		name   string
		conf   *tls.Config
		reason string
	}{
		{"fine", &tls.Config{}, ""},
		{"a client certificate, TLS 1.3", &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}, "wants a client certificate: name it with the lines `cert FILE`"},
		{"a client certificate, TLS 1.2", &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "`cert FILE`"},
		{"a client certificate, wanted by a page", &tls.Config{ClientAuth: tls.RequestClientCert}, "400 Bad Request: 127.0.0.1 refuses the request; check the URL (it asked for a client certificate"},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "speaks no TLS 1.2"},
		{"RSA key exchange", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: rsa}, "GODEBUG=tlsrsakex=1"},
	} {
		for i := range 6 { // an alert and the end of the connection come in any order
			http2 := i%2 == 1
			base, n := tlsOrigin(t, c.conf.Clone(), http2)
			l := newLab(t, Options{})
			l.p.client.TLS = testRoots()
			st, reason := l.fetch(fsstore.Addition{URL: base + "/f.run"})
			if (st == fsstore.Done) != (c.reason == "") || !strings.Contains(reason, c.reason) || strings.Contains(reason, "given up") {
				t.Errorf("%s: %s: %s", c.name, st, reason)
			}
			if n.Load() > 2 && !http2 { // net/http dials HTTP/2 anew as often as a connection ends before it has the request
				t.Errorf("%s: %d connections", c.name, n.Load())
			}
		}
	}
}

// TestProxyRefuses: a proxy that refuses is named, not the origin, and without its password.
func TestProxyRefuses(t *testing.T) {
	for _, c := range []struct {
		status, url, reason string
		tries               int
	}{
		{"407 Proxy Authentication Required", "https://vendor.example/f.run", "HTTPS_PROXY", 1},
		{"403 Forbidden", "https://vendor.example/f.run", "NO_PROXY", 1},
		{"405 Method Not Allowed", "https://vendor.example:8443/f.run", "does not connect to vendor.example:8443", 1},
		{"502 Bad Gateway", "https://vendor.example/f.run", "(HTTPS_PROXY) does not connect to vendor.example:443: 502", 3},
		{"503 Service Unavailable", "https://vendor.example/f.run", "given up after 3", 3},
		{"no status", "https://vendor.example/f.run", "by way of the proxy", 3},
		{"407 Proxy Authentication Required", "http://vendor.example/f.run", "HTTP_PROXY", 1},
		{"403 Forbidden", "http://vendor.example/f.run", "asked by way of the proxy", 1},
	} {
		proxy := lyingAt(t, "127.0.0.2:0", nil, func(w *wire) { w.say(c.status, []string{"Content-Length: 0"}, nil) })
		named := strings.Replace(proxy.url, "://", "://user:hunter2@", 1)
		l := newLab(t, Options{Retries: 3})
		l.p.client.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(named) }
		st, reason := l.fetch(fsstore.Addition{URL: c.url})
		if n := len(proxy.requests()); st != fsstore.Failed || !strings.Contains(reason, c.reason) || n != c.tries {
			t.Errorf("%s: %s: %s, after %d requests", c.status, st, reason, n)
		}
		if host := strings.TrimPrefix(proxy.url, "http://"); !strings.Contains(reason, host) {
			t.Errorf("%s is not in %s", host, reason)
		}
		l.grep("hunter2")
		proxy.close()
		if st, reason = l.fetch(fsstore.Addition{URL: c.url}); st != fsstore.Failed || !strings.HasPrefix(reason, "the proxy that HTTP") {
			t.Errorf("away: %s: %s", st, reason)
		}
	}
}

// TestSOCKSRefuses is TestProxyRefuses of a proxy that speaks SOCKS5.
func TestSOCKSRefuses(t *testing.T) {
	for _, c := range []struct {
		says   []string // after each message of ours
		reason string
		tries  int32
	}{
		{[]string{"\x05\xff"}, "HTTPS_PROXY", 1},
		{[]string{"\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"}, "have it allowed there", 1},
		{[]string{"\x05\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"}, "host unreachable", 2},
	} {
		var tries atomic.Int32
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				tries.Add(1)
				for _, s := range c.says {
					conn.Read(make([]byte, 512))
					io.WriteString(conn, s)
				}
				conn.Read(make([]byte, 512))
				conn.Close()
			}
		}()
		l := newLab(t, Options{Retries: 2})
		l.p.client.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("socks5://" + ln.Addr().String()) }
		st, reason := l.fetch(fsstore.Addition{URL: "https://vendor.example/f.run"})
		if st != fsstore.Failed || !strings.Contains(reason, c.reason) || !strings.Contains(reason, ln.Addr().String()) || tries.Load() != c.tries {
			t.Errorf("%q: %s: %s, after %d", c.says, st, reason, tries.Load())
		}
		ln.Close()
		<-ended
	}
}

// TestCookies: what an origin sets is sent back along the redirects of one fetch, to whom it is for, and forgotten.
func TestCookies(t *testing.T) {
	there := lyingAt(t, "127.0.0.2:0", nil, func(w *wire) { w.ok(body) })
	o := newLying(t, func(w *wire) {
		switch cookie := w.req.Header.Get("Cookie"); {
		case w.req.URL.Path == "/away.run":
			w.say("302 Found", []string{"Location: " + there.url + "/f.run", "Set-Cookie: s=hunter2; Path=/", "Content-Length: 0"}, nil)
		case strings.Contains(cookie, "s=hunter2"):
			w.ok(body, "Set-Cookie: t=hunter2")
		default:
			w.say("302 Found", []string{"Location: " + w.req.RequestURI, "Set-Cookie: s=hunter2; Path=/", "Set-Cookie: elsewhere=1; Path=/elsewhere", "Content-Length: 0"}, nil)
		}
	})
	l := newLab(t, Options{AllowOrigin: loopback, Origins: dirFS(t, "127.0.0.1", "# allow http\nCookie: mine=1\n")})
	for range 2 {
		if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/a%20b/f.run?x"}); st != fsstore.Done {
			t.Errorf("%s: %s", st, reason)
		}
	}
	var sent []string
	for _, r := range o.requests() {
		sent = append(sent, r.Header.Get("Cookie"))
	}
	if got := strings.Join(sent, "|"); got != "mine=1|mine=1; s=hunter2|mine=1|mine=1; s=hunter2" {
		t.Errorf("sent %s", got)
	}
	if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/away.run"}); st != fsstore.Done || there.requests()[0].Header.Get("Cookie") != "" {
		t.Errorf("%s: %s; another host was sent %q", st, reason, there.requests()[0].Header.Get("Cookie"))
	}
	l.grep("hunter2")
}

// TestUserAgent: an origin is asked as the tool that asked for it first.
func TestUserAgent(t *testing.T) {
	o := newLying(t, func(w *wire) {
		if strings.HasPrefix(w.req.UserAgent(), "curl/") {
			w.ok([]byte("#!/bin/sh\n"))
			return
		}
		w.ok([]byte(page))
	})
	l := newLab(t, Options{UserAgent: "fromcache/1"})
	for path, c := range map[string]struct {
		agents []string
		said   string
	}{
		"/install":  {[]string{"curl/8.5.0", "Mozilla/5.0 (X11)"}, "curl/8.5.0"},
		"/install2": {[]string{"Mozilla/5.0 (X11)", "curl/8.5.0"}, "Mozilla/5.0"},
		"/shim":     {[]string{"curl+fromcache-shim"}, "curl/8.5.0"},
		"/shim2":    {[]string{"wget+fromcache-shim"}, "Wget/1.21.4"},
		"/shim3":    {[]string{"other+fromcache-shim"}, "other+fromcache-shim"},
		"/preseed":  {nil, "fromcache/1"},
		"/nobody":   {[]string{""}, "fromcache/1"},
	} {
		for _, agent := range c.agents {
			if _, err := l.s.NoteMiss(o.url+path, fsstore.Asker{Addr: "10.0.0.7", UserAgent: agent}); err != nil {
				t.Fatal(err)
			}
		}
		st, reason := l.fetch(fsstore.Addition{URL: o.url + path})
		all := o.requests()
		if got := all[len(all)-1].UserAgent(); got != c.said || (st == fsstore.Done) != strings.HasPrefix(c.said, "curl/") {
			t.Errorf("%s: asked as %s: %s: %s", path, got, st, reason)
		}
	}
}

// TestHTTP2EndsAtOnce: an origin that ends each connection of HTTP/2 before it is asked is asked over HTTP/1.1.
func TestHTTP2EndsAtOnce(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) { c.Close() },
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	l := newLab(t, Options{Retries: 3})
	l.p.client.TLS = testRoots()
	if st, reason := l.fetch(fsstore.Addition{URL: s.URL + "/f.run"}); st != fsstore.Done {
		t.Errorf("%s: %s", st, reason)
	}
}
