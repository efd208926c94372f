package fetch

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
)

func TestRedirectScheme(t *testing.T) {
	allowHTTP := newLying(t, func(w *wire) { w.ok(body) })
	secure := newLyingTLS(t, func(w *wire) {
		if w.req.URL.Path == "/down.run" {
			w.say("301 Moved Permanently", []string{"Location: " + allowHTTP.url + "/f.run", "Content-Length: 0"}, nil)
			return
		}
		w.ok(body)
	})
	up := newLying(t, func(w *wire) {
		w.say("301 Moved Permanently", []string{"Location: " + secure.url + w.req.URL.Path, "Content-Length: 0"}, nil)
	})
	for _, c := range []struct {
		name   string
		add    fsstore.Addition
		want   fsstore.State
		reason string
	}{
		{"https", fsstore.Addition{URL: secure.url + "/f.run"}, fsstore.Done, ""},
		{"http to https", fsstore.Addition{URL: up.url + "/f.run"}, fsstore.Done, ""},
		{"https to http", fsstore.Addition{URL: secure.url + "/down.run"}, fsstore.Failed, "`accept http`"},
		{"http to https to http", fsstore.Addition{URL: up.url + "/down.run"}, fsstore.Failed, "`accept http`"},
		{"https to http, accepted", fsstore.Addition{URL: secure.url + "/down.run", AcceptHTTP: true}, fsstore.Done, ""},
		{"https to http, of a known digest", fsstore.Addition{URL: secure.url + "/down.run", SHA256: sumOf(body).SHA256}, fsstore.Done, ""},
		{"http at a TLS port", fsstore.Addition{URL: strings.Replace(secure.url, "https", "http", 1) + "/f.run"}, fsstore.Failed, ""},
		{"https at a plain port", fsstore.Addition{URL: strings.Replace(allowHTTP.url, "http", "https", 1) + "/f.run"}, fsstore.Failed, "does not speak TLS"},
	} {
		l := newLab(t, Options{Retries: 1})
		l.p.client.TLS = testRoots()
		if st, reason := l.fetch(c.add); st != c.want || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %s: %s", c.name, st, reason)
		}
	}
}

// A certificate that can't be verified is a person's affair: no second attempt.
func TestCertificate(t *testing.T) {
	o := newLyingTLS(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{})
	st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
	if st != fsstore.Failed || !strings.Contains(reason, "certificate") || !strings.Contains(reason, "clock") {
		t.Errorf("%s: %s", st, reason)
	}
}

// A connection that ends without TLS's own end was cut (RFC 8446, 6.1); it ends no body either.
func TestTruncatedTLS(t *testing.T) {
	o := newLyingTLS(t, func(w *wire) {
		if w.n == 0 {
			w.say("200 OK", []string{length, `ETag: "a"`}, body[:half])
			w.Conn.(interface{ NetConn() net.Conn }).NetConn().Close()
			return
		}
		w.honest(body, `"a"`, -1)
	})
	l := newLab(t, Options{})
	l.p.client.TLS = testRoots()
	if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"}); st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), body) {
		t.Errorf("%s: %s", st, reason)
	}
}

const canary = "CANARY-hunter2-0123456789"

// credentialsDir makes a directory with one file.
func credentialsDir(t *testing.T, host, text string, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, host)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The header lines go to their host wherever a chain comes to it, over https, and to no other.
func TestCredentialsOnTheWay(t *testing.T) {
	var to string
	serve := func(w *wire) {
		if w.req.URL.Path == "/f.run" && to != "" {
			w.say("302 Found", []string{"Location: " + to, "Content-Length: 0"}, nil)
			return
		}
		if w.req.URL.Path == "/back" {
			w.say("302 Found", []string{"Location: " + w.req.URL.Query().Get("to"), "Content-Length: 0"}, nil)
			return
		}

		w.ok(body)
	}
	secure, port, allowHTTP := newLyingTLS(t, serve), newLyingTLS(t, serve), newLying(t, serve)
	elsewhere := lyingAt(t, "127.0.0.2:0", nil, serve)
	line := "Authorization: Bearer " + canary + "\n"
	for _, c := range []struct {
		name, file, url, to string
		sent                []bool // by request, in order
	}{
		{"https", line, secure.url, "", []bool{true}},
		{"http", line, allowHTTP.url, "", []bool{false}},
		{"http, allowed", "# Allow HTTP\n" + line, allowHTTP.url, "", []bool{true}},
		{"same host", line, secure.url, "/g.run", []bool{true, true}},
		{"another port", line, secure.url, port.url + "/g.run", []bool{true, true}},
		{"another host", line, secure.url, elsewhere.url + "/g.run", []bool{true, false}},
		{"another host, allowed", "# allow http\n" + line, allowHTTP.url, elsewhere.url + "/g.run", []bool{true, false}},
		{"there and back", line, secure.url, elsewhere.url + "/back?to=" + url.QueryEscape(secure.url+"/g.run"), []bool{true, false, true}},
		{"there, back, and on", line, secure.url, elsewhere.url + "/back?to=" + url.QueryEscape(secure.url+"/back?to=/g.run"), []bool{true, false, true, true}},
		{"down to http", line, secure.url, allowHTTP.url + "/g.run", []bool{true, false}},
		{"down to http, allowed", "# allow http\n" + line, secure.url, allowHTTP.url + "/g.run", []bool{true, true}},
		{"from elsewhere", line, elsewhere.url, secure.url + "/g.run", []bool{false, true}},
	} {
		to = c.to
		dir := credentialsDir(t, "127.0.0.1", c.file, 0o600)
		l := newLab(t, Options{Origins: os.DirFS(dir), AllowOrigin: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		l.p.client.TLS = testRoots()
		var seen []bool
		var mark []int
		all := []*lying{secure, port, allowHTTP, elsewhere}
		for _, o := range all {
			mark = append(mark, len(o.requests()))
		}
		st, reason := l.fetch(fsstore.Addition{URL: c.url + "/f.run", AcceptHTTP: true})
		if st != fsstore.Done {
			t.Errorf("%s: %s: %s", c.name, st, reason)
		}
		got, want := 0, 0
		for i, o := range all {
			for _, r := range o.requests()[mark[i]:] {
				seen = append(seen, r.Header.Get("Authorization") == "Bearer "+canary)
			}
		}
		for _, s := range seen {
			got += btoi(s)
		}
		for _, s := range c.sent {
			want += btoi(s)
		}
		if got != want || len(seen) != len(c.sent) {
			t.Errorf("%s: sent %v, want %v", c.name, seen, c.sent)
		}
		l.grep(canary)
	}
}

// No failure tells of the credentials, and a file that others can read waits for its chmod.
func TestCredentialsStaySecret(t *testing.T) {
	for name, serve := range map[string]func(*wire){
		"401":   always("401 Unauthorized", "WWW-Authenticate: Bearer "+canary),
		"cut":   func(w *wire) { w.say("200 OK", []string{length}, nil) },
		"page":  func(w *wire) { w.ok([]byte(page + canary)) },
		"loop":  always("302 Found", "Location: /f.run?token="+canary),
		"other": always("302 Found", "Location: http://u:"+canary+"@127.0.0.2/"),
		"echo":  func(w *wire) { w.Write([]byte("HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n")) },
		"no":    func(w *wire) { w.Write([]byte(canary + " HTTP\r\n\r\n")) },
		"odd":   func(w *wire) { w.say("200 OK "+canary, []string{"X: " + canary, "Content-Length: x"}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newLying(t, serve)
			dir := credentialsDir(t, "127.0.0.1", "# allow http\nAuthorization: "+canary+"\nCookie: a="+canary, 0o640)
			l := newLab(t, Options{Retries: 2, Origins: os.DirFS(dir)})
			st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
			if st != fsstore.Failed || o.requests()[0].Header.Get("Cookie") != "a="+canary {
				t.Errorf("%s: %s", st, reason)
			}
			l.grep(canary)
		})
	}
	o := newLying(t, func(w *wire) { w.ok(body) })
	dir := credentialsDir(t, "127.0.0.1", "# allow http\nAuthorization: "+canary, 0o600)
	l := newLab(t, Options{Origins: os.DirFS(dir)})
	os.Chmod(filepath.Join(dir, "127.0.0.1"), 0o644)
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.step()
	if st, reason := l.state(k); st != fsstore.Queue || !strings.Contains(reason, "chmod 600 it") || len(o.requests()) > 0 {
		t.Errorf("%s: %s", st, reason)
	}
	l.grep(canary)
	os.Chmod(filepath.Join(dir, "127.0.0.1"), 0o600)
	l.drive()
	if st, reason := l.state(k); st != fsstore.Done {
		t.Errorf("%s: %s", st, reason)
	}
}
