package httpd

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
)

// world is a real store in a directory of its own, and a server before it on a
// real socket.
type world struct {
	t     testing.TB
	dir   string
	store *fsstore.Store
	srv   *Server
	addr  string
	log   *syncBuffer
	stop  context.CancelFunc
	ended chan error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t testing.TB, o Options) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "data"), log: &syncBuffer{}, ended: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = fsstore.Open(w.dir, fsstore.Options{MaxMisses: 1000, Logger: log}); err != nil {
		t.Fatal(err)
	}
	o.Logger = log
	if w.srv, err = New(w.store, o); err != nil {
		t.Fatal(err)
	}
	how := net.ListenConfig{KeepAlive: -1} // as fromcache serve listens
	how.SetMultipathTCP(false)
	ln, err := how.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.ended <- w.srv.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-w.ended:
		case <-time.After(40 * time.Second):
			t.Error("Serve does not end")
		}
		w.store.Close()
	})
	return w
}

// Names of the pages' cookies.
const (
	sessionCookie = "fromcache-session"
	flashCookie   = "fromcache-flash"
)

var operator = fsstore.Operator{Via: "cli", Addr: "test"}

// claim adds a URL and claims its job.
func (w *world) claim(rawURL string) *fsstore.Claim {
	w.t.Helper()
	name, err := w.store.Add(fsstore.Addition{URL: rawURL}, operator)
	w.must(err)
	c, err := w.store.Claim(name)
	w.must(err)
	if c == nil {
		w.t.Fatalf("%s can't be claimed", name)
	}
	return c
}

// hold makes an artifact by the way that a download takes.
func (w *world) hold(rawURL string, body []byte, o fsstore.Origin) *fsstore.Artifact {
	w.t.Helper()
	return w.publish(w.claim(rawURL), body, o)
}

// publish ends the download of a claim.
func (w *world) publish(c *fsstore.Claim, body []byte, o fsstore.Origin) *fsstore.Artifact {
	w.t.Helper()
	p, err := c.Part(w.t.Context(), false)
	w.must(err)
	_, err = p.Write(body)
	w.must(err)
	a, err := c.Publish(p, o)
	w.must(err)
	return a
}

// putIn makes an artifact by the way that a put takes.
func (w *world) putIn(rawURL, body string) *fsstore.Artifact {
	w.t.Helper()
	add := fsstore.Addition{URL: rawURL, AcceptAny: true}
	a, err := w.store.Put(add, strings.NewReader(body), int64(len(body)), operator, func(int64) error { return nil })
	w.must(err)
	return a
}

// hollow makes a large artifact without writing it: its blob is a hole.
func (w *world) hollow(rawURL string, size int64) {
	w.t.Helper()
	a := w.hold(rawURL, []byte("hollow"), fsstore.Origin{Ranges: true})
	w.must(os.Chmod(filepath.Join(w.dir, "blobs", a.SHA256), 0o644))
	w.must(os.Truncate(filepath.Join(w.dir, "blobs", a.SHA256), size))
	meta := filepath.Join(w.dir, "meta", a.Key+".json")
	b, err := os.ReadFile(meta)
	w.must(err)
	w.must(os.WriteFile(meta, bytes.Replace(b, []byte(`"size": 6`), []byte(`"size": `+itoa(size)), 1), 0o644))
	if got, err := w.store.Lookup(rawURL); err != nil || got.Size != size {
		w.t.Fatalf("no hollow artifact: %v %v", got, err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// append adds lines to a file, as echo does.
func (w *world) append(name, lines string) {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_APPEND|os.O_WRONLY, 0)
	w.must(err)
	_, err = f.WriteString(lines)
	w.must(errors.Join(err, f.Close()))
}

// files counts the files of one directory.
func (w *world) files(dir string) int {
	w.t.Helper()
	list, err := os.ReadDir(filepath.Join(w.dir, dir))
	w.must(err)
	return len(list)
}

func (w *world) url(path string) string { return "http://" + w.addr + path }

func token(rawURL string) string { return base64.RawURLEncoding.EncodeToString([]byte(rawURL)) }

// browser follows no redirect and keeps cookies by hand.
type browser struct {
	w       *world
	cookies map[string]string
	header  http.Header
}

func (w *world) browser() *browser {
	return &browser{w, map[string]string{}, http.Header{"Accept": {"text/html"}}}
}

func (b *browser) do(method, path string, form url.Values) (*http.Response, string) {
	b.w.t.Helper()
	req, err := http.NewRequest(method, b.w.url(path), strings.NewReader(form.Encode()))
	b.w.must(err)
	for k, v := range b.header {
		req.Header[k] = v
	}
	if h := b.header.Get("Host"); h != "" {
		req.Host = h
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	b.w.must(err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	b.w.must(err)
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return resp, body.String()
}

// get asks again for a few seconds while the page says that it does not know everything yet.
func (b *browser) get(path string) (resp *http.Response, body string) {
	for range 60 {
		resp, body = b.do(http.MethodGet, path, nil)
		if !strings.Contains(body, "are still being read") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return resp, body
}

func (b *browser) post(path string, kv ...string) (*http.Response, string) {
	form := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		form.Add(kv[i], kv[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// eventually: what is gathered beside an answer may come a moment after it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 3000 { // half a minute: the machine may do other things
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error(what)
}
