package httpd

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"fromcache/httpd/access"
)

const password = "correct horse"

func signedIn(t *testing.T, w *world) *browser {
	t.Helper()
	b := w.browser()
	resp, body := b.post("/ui/login", "password", password)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Fatalf("sign-in: %d %s", resp.StatusCode, body)
	}
	return b
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password, SessionSecret: []byte(strings.Repeat("k", 32))}, Version: "v9.9.9"})
	w.hold("https://vendor.example/secret-name.bin", []byte("x"), noOrigin)
	b := w.browser()
	for _, page := range []string{"/", "/misses", "/downloads", "/artifacts", "/artifacts?q=secret", "/add"} {
		resp, body := b.get(page)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/ui/login" || body != "" {
			t.Errorf("signed out, %s: %d %q", page, resp.StatusCode, body)
		}
	}
	resp, body := b.get("/ui/login")
	if resp.StatusCode != http.StatusOK || strings.Contains(body, "secret") || strings.Contains(body, "v9.9.9") || strings.Contains(body, "artifacts") {
		t.Errorf("the sign-in page says too much: %s", body)
	}
	if len(b.cookies) != 0 {
		t.Error("a cookie before the sign-in")
	}
	if resp, _ = b.post("/ui/login", "password", "wrong"); resp.StatusCode != http.StatusUnauthorized || len(b.cookies) != 0 {
		t.Errorf("wrong password: %d", resp.StatusCode)
	}
	if !strings.Contains(w.log.String(), "wrong password") || strings.Contains(w.log.String(), "wrong\"") {
		t.Errorf("log: %s", w.log)
	}

	b = signedIn(t, w)
	if resp, body = b.get("/"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "secret-name.bin") || strings.Contains(body, "No password is set") {
		t.Errorf("signed in: %d %s", resp.StatusCode, body)
	}
	if resp, _ = b.get("/ui/login"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("sign-in page for who is signed in: %d", resp.StatusCode)
	}
	if resp, _ = b.post("/ui/logout"); resp.StatusCode != http.StatusSeeOther || b.cookies[sessionCookie] != "" {
		t.Errorf("sign-out: %d %v", resp.StatusCode, b.cookies)
	}
	if resp, _ = b.get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after sign-out: %d", resp.StatusCode)
	}
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password}})
	for _, tls := range []bool{false, true} {
		b := w.browser()
		b.cookies[sessionCookie] = "planted"
		if tls {
			b.header.Set("X-Forwarded-Proto", "https")
		}
		resp, _ := b.post("/ui/login", "password", password)
		set := resp.Header.Get("Set-Cookie")
		for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"} {
			if !strings.Contains(set, want) {
				t.Errorf("cookie %q lacks %s", set, want)
			}
		}
		if strings.Contains(set, "Secure") != tls || strings.Contains(set, "Domain") {
			t.Errorf("TLS %v: cookie %q", tls, set)
		}
		if b.cookies[sessionCookie] == "planted" {
			t.Error("no fresh session")
		}
	}
	one, two := signedIn(t, w), signedIn(t, w)
	if one.cookies[sessionCookie] == two.cookies[sessionCookie] {
		t.Error("two sign-ins share a session")
	}
	b := w.browser()
	for _, forged := range []string{"", "x", one.cookies[sessionCookie] + "A", one.cookies[sessionCookie][1:]} {
		b.cookies = map[string]string{sessionCookie: forged}
		if resp, _ := b.get("/"); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("forged cookie %q: %d", forged, resp.StatusCode)
		}
	}
}

// TestNewPassword: a cookie is good for the password and secret that made it.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	secret := []byte(strings.Repeat("s", 32))
	old := signedIn(t, newWorld(t, Options{Access: access.Options{Password: password, SessionSecret: secret}}))
	for _, c := range []struct {
		password, secret string
		want             int
	}{
		{password, string(secret), http.StatusOK},
		{"another", string(secret), http.StatusSeeOther},
		{password, strings.Repeat("t", 32), http.StatusSeeOther},
	} {
		b := newWorld(t, Options{Access: access.Options{Password: c.password, SessionSecret: []byte(c.secret)}}).browser()
		b.cookies = old.cookies
		if resp, _ := b.get("/"); resp.StatusCode != c.want {
			t.Errorf("%+v: %d", c, resp.StatusCode)
		}
	}
}

func TestGuessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password, GuessRate: rate.Limit(0.001), GuessRateAll: 1}})
	b := w.browser()
	for range 5 {
		if resp, _ := b.post("/ui/login", "password", "guess"); resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a guess: %d", resp.StatusCode)
		}
	}
	for range 20 {
		resp, body := b.post("/ui/login", "password", password)
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusTooManyRequests || err != nil || wait < 900 || wait > 1000 {
			t.Fatalf("a guess too many: %d, Retry-After %q, %s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
		}
	}
	if n := strings.Count(w.log.String(), "too many tries"); n != 1 {
		t.Errorf("%d lines of too many tries", n)
	}
	resp, err := http.Get(w.url("/b/" + token("https://vendor.example/a.bin")))
	w.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("reads suffer: %d", resp.StatusCode)
	}
}

// TestOpenHost: without a password only names that no stranger can point here.
func TestOpenHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Hostname: "Cache1.lab", PublicHosts: []string{"cache.example:8080"}}})
	for host, ok := range map[string]bool{
		"127.0.0.1": true, "10.0.0.5:3000": true, "[::1]:3000": true, "[fe80::1]": true, "localhost": true, "LOCALHOST:3000": true,
		"localhost.": true, "cache1.lab": true, "cache1.lab:3000": true, "Cache.Example": true, "cache.example.:99": true,
		"evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "cache1": false, "xcache.example": false,
		"1.2.3": false, "0x7f000001": false, "": false,
	} {
		r, err := http.NewRequest("GET", "/", nil)
		w.must(err)
		r.Host = host
		rec := httptest.NewRecorder()
		w.srv.ServeHTTP(rec, r)
		if got := rec.Code != http.StatusForbidden; got != ok {
			t.Errorf("%q: %v", host, got)
		}
	}
	b := w.browser()
	b.header.Set("Host", "rebound.example")
	for _, page := range []string{"/", "/misses", "/ui/login"} {
		if resp, body := b.get(page); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "--public-host NAME") || strings.Contains(body, "Misses") {
			t.Errorf("%s: %d %s", page, resp.StatusCode, body)
		}
	}
	if resp, _ := b.post("/admin/clear"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("post: %d", resp.StatusCode)
	}
	if resp, _ := b.get("/healthz"); resp.StatusCode != http.StatusOK {
		t.Errorf("the read path asks for no name: %d", resp.StatusCode)
	}
	b = w.browser()
	for _, page := range []string{"/", "/misses", "/downloads", "/artifacts", "/add"} {
		if resp, body := b.get(page); resp.StatusCode != http.StatusOK || !strings.Contains(body, "No password is set") {
			t.Errorf("%s without banner: %d", page, resp.StatusCode)
		}
	}
	named := newWorld(t, Options{Access: access.Options{Password: password}})
	b = signedIn(t, named)
	b.header.Set("Host", "any.example")
	if resp, _ := b.get("/"); resp.StatusCode != http.StatusOK {
		t.Errorf("with a password any name will do: %d", resp.StatusCode)
	}
}
