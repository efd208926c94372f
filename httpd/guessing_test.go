package httpd

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/access"
)

// TestGuesses: however many passwords are tried, from however many addresses,
// as many are looked at as the stated rates let through: one in 5 s from a
// client after a burst of 5, one a second in all after a burst of 20. Meanwhile
// clients read, and who is signed in goes on.
func TestGuesses(t *testing.T) {
	guesses := 10_000
	if os.Getenv("FROMCACHE_LONG") != "" {
		guesses = 100_000
	}
	for _, c := range []struct {
		name        string
		from        func(i int) string // the address of guess i
		every       time.Duration      // between guesses
		burst, rate float64            // that may be looked at
		tries       int
	}{
		{"one client", func(int) string { return "10.0.0.1:99" }, 10 * time.Millisecond, 5, 0.2, guesses / 2},
		{"one host by IPv6", func(i int) string { return fmt.Sprintf("[2001:db8::%x]:99", i%60000+1) }, 100 * time.Millisecond, 5, 0.2, guesses / 10},
		{"a client that waits", func(int) string { return "10.0.0.2:99" }, 5 * time.Second, 5, 0.2, guesses / 100},
		{"a crowd", func(i int) string { return fmt.Sprintf("10.%d.%d.%d:99", i/5000%200, i%5000/250, i%250) }, 20 * time.Millisecond, 20, 1, guesses / 5 * 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuesser(t)
				began := time.Now()
				for i := range c.tries {
					g.guess(c.from(i))
					if i%100 == 0 {
						g.reads()
					}
					time.Sleep(c.every)
				}
				took := time.Since(began).Seconds()
				most := int(c.burst + c.rate*took + 1)
				t.Logf("%d guesses in %.0f s: %d looked at, at most %d may be", c.tries, took, g.looked, most)
				if g.looked > most || float64(g.looked) < 0.9*min(c.burst+c.rate*took, float64(c.tries)) {
					t.Errorf("%d of %d guesses were looked at, and %d may be", g.looked, c.tries, most)
				}
				g.log(c.tries, took)
			})
		})
	}
}

// guesser asks a server without a network, so that the clock is the test's.
type guesser struct {
	t      *testing.T
	srv    *Server
	lines  *syncBuffer
	cookie string
	looked int // at a wrong password
}

func newGuesser(t *testing.T) *guesser {
	g := &guesser{t: t, lines: &syncBuffer{}}
	store, err := fsstore.Open(filepath.Join(t.TempDir(), "data"), fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	(&world{t: t, store: store}).hold("https://vendor.example/held.bin", []byte("held"), noOrigin)
	if g.srv, err = New(store, Options{Access: access.Options{Password: password}, Logger: slog.New(slog.NewTextHandler(g.lines, nil))}); err != nil {
		t.Fatal(err)
	}
	in := g.post("192.0.2.1:99", password)
	if in.Code != http.StatusSeeOther {
		t.Fatalf("no sign-in: %d", in.Code)
	}
	g.cookie, _, _ = strings.Cut(in.Header().Get("Set-Cookie"), ";")
	time.Sleep(time.Minute) // the bursts are whole again
	return g
}

func (g *guesser) post(from, word string) *httptest.ResponseRecorder {
	form := url.Values{"password": {word}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "/ui/login", strings.NewReader(form))
	r.RemoteAddr = from
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-For", "198.51.100."+strconv.Itoa(g.looked%250)) // is not believed
	w := httptest.NewRecorder()
	g.srv.ServeHTTP(w, r)
	return w
}

func (g *guesser) guess(from string) {
	switch w := g.post(from, "guess"); w.Code {
	case http.StatusUnauthorized:
		g.looked++
	case http.StatusTooManyRequests:
		if n, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || n < 1 || n > 5 {
			g.t.Fatalf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	default:
		g.t.Fatalf("a guess: %d", w.Code)
	}
}

// reads: a hit, a miss, health, and a page of who is signed in.
func (g *guesser) reads() {
	for path, want := range map[string]int{"/b/" + token("https://vendor.example/held.bin"): 200, "/b/" + token("https://vendor.example/missed.bin"): 404, "/healthz": 200, "/artifacts": 200} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "10.0.0.1:99"
		r.Header.Set("Cookie", g.cookie)
		w := httptest.NewRecorder()
		if g.srv.ServeHTTP(w, r); w.Code != want {
			g.t.Fatalf("%s: %d", path, w.Code)
		}
	}
}

// log: each guess that was looked at has a line with its address; of the others
// one a minute says how many.
func (g *guesser) log(tries int, took float64) {
	text := g.lines.String()
	if n := strings.Count(text, "wrong password"); n != g.looked {
		g.t.Errorf("%d lines of %d guesses", n, g.looked)
	}
	said := strings.Count(text, "too many tries")
	if refused := tries - g.looked; refused > 0 && said == 0 || float64(said) > took/60+1 {
		g.t.Errorf("%d lines of %d refused in %.0f s", said, refused, took)
	}
	if strings.Contains(text, "guess") {
		g.t.Error("the log holds a password")
	}
}
