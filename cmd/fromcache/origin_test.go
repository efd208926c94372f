package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// origin is a vendor's server that does as a script tells it.
type origin struct {
	dir    string
	server *httptest.Server
	mu     sync.Mutex
	rules  map[string]*rule
	log    []string
}

// rule is what an origin does with one path.
type rule struct {
	Status   int    // status=503: answer so, with a line of text
	Times    int    // times=2: the rule holds for so many requests, and then no more
	Cut      int64  // cut=1000: break the connection after so many bytes
	Hold     int64  // hold=1000: stand still after so many bytes, until released
	Redirect string // redirect=URL
	Body     string // body=TEXT: instead of the file
	Type     string // type=text/html
	Ranges   string // ranges=none: serve none, nor say so
	ETag     string // etag=none, or what stands in the quotes; else made from the bytes
	Need     string // need=Authorization:x : 401 for whoever does not send that header
	After    string // after=2 : a Retry-After field
	Field    string // field=Name:Value : one more of the answer
	Cookie   string // cookie=a=b: redirect to the same URL until it is sent
	goOn     chan struct{}
}

func originCmd(ts *testscript.TestScript, neg bool, args []string) {
	sc := sceneOf(ts)
	switch {
	case neg:
		ts.Fatalf("origin can't fail")
	case len(args) == 0:
		sc.origin = newOrigin(ts.MkAbs("origin"))
		ts.Setenv("ORIGIN", sc.origin.server.URL)
	case args[0] == "set" && len(args) >= 2:
		r, err := parseRule(args[2:])
		ts.Check(err)
		sc.origin.set(args[1], r)
	case args[0] == "release" && len(args) == 2:
		sc.origin.release(args[1])
	case args[0] == "log" && len(args) == 1:
		sc.origin.mu.Lock()
		defer sc.origin.mu.Unlock()
		fmt.Fprintln(ts.Stdout(), len(sc.origin.log), "requests")
		for _, line := range sc.origin.log {
			fmt.Fprintln(ts.Stdout(), line)
		}
	default:
		ts.Fatalf("usage: origin [set PATH RULE=V… | release PATH | log]")
	}
}

func parseRule(words []string) (*rule, error) {
	r := &rule{Cut: -1, Hold: -1, Times: -1, goOn: make(chan struct{})}
	for _, word := range words {
		name, v, _ := strings.Cut(word, "=")
		n, err := strconv.ParseInt(v, 10, 64)
		switch name {
		case "status":
			r.Status = int(n)
		case "times":
			r.Times = int(n)
		case "cut":
			r.Cut = n
		case "hold":
			r.Hold = n
		default:
			err = nil
			switch name {
			case "redirect":
				r.Redirect = v
			case "body":
				r.Body = v
			case "type":
				r.Type = v
			case "ranges":
				r.Ranges = v
			case "etag":
				r.ETag = v
			case "need":
				r.Need = v
			case "after":
				r.After = v
			case "field":
				r.Field = v
			case "cookie":
				r.Cookie = v
			default:
				return nil, fmt.Errorf("no rule %q", word)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func newOrigin(dir string) *origin {
	o := &origin{dir: dir, rules: map[string]*rule{}}
	o.server = httptest.NewServer(o)
	return o
}

func (o *origin) close() {
	o.mu.Lock()
	for path := range o.rules {
		o.releaseLocked(path)
	}
	o.mu.Unlock()
	o.server.CloseClientConnections()
	o.server.Close()
}

func (o *origin) set(path string, r *rule) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.releaseLocked(path)
	o.rules[path] = r
}

func (o *origin) release(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.releaseLocked(path)
}

func (o *origin) releaseLocked(path string) {
	if r := o.rules[path]; r != nil {
		close(r.goOn)
		delete(o.rules, path)
	}
}

// take returns the rule for this request.
func (o *origin) take(r *http.Request) *rule {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := r.Method + " " + r.URL.RequestURI()
	for _, field := range []string{"Range", "If-Range", "If-None-Match", "Authorization", "Cookie", "User-Agent"} {
		if v := r.Header.Get(field); v != "" {
			line += " " + field + "=" + v
		}
	}
	o.log = append(o.log, line)
	found := o.rules[r.URL.Path]
	if found == nil || found.Times == 0 {
		return &rule{Cut: -1, Hold: -1}
	}
	found.Times--
	return found
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	do := o.take(r)
	if field, want, _ := strings.Cut(do.Need, ":"); field != "" && r.Header.Get(field) != want {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	if do.After != "" {
		w.Header().Set("Retry-After", do.After)
	}
	if name, v, _ := strings.Cut(do.Field, ":"); name != "" {
		w.Header().Set(name, v)
	}
	switch {
	case do.Cookie != "" && r.Header.Get("Cookie") != do.Cookie:
		w.Header().Set("Set-Cookie", do.Cookie+"; Path=/")
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	case do.Redirect != "":
		http.Redirect(w, r, do.Redirect, http.StatusFound)
	case do.Status != 0:
		http.Error(w, "as the script says", do.Status)
	default:
		o.serveFile(w, r, do)
	}
}

func (o *origin) serveFile(w http.ResponseWriter, r *http.Request, do *rule) {
	content := []byte(do.Body)
	if do.Body == "" {
		var err error
		if content, err = os.ReadFile(filepath.Join(o.dir, filepath.FromSlash(r.URL.Path))); err != nil {
			http.NotFound(w, r)
			return
		}
	}
	switch do.ETag {
	case "":
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	case "none":
	default:
		w.Header().Set("ETag", `"`+do.ETag+`"`)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if do.Type != "" {
		w.Header().Set("Content-Type", do.Type)
	}
	if do.Ranges == "none" {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content) //nolint:errcheck // the client may have gone
		return
	}
	body := &flow{Reader: strings.NewReader(string(content)), do: do, gone: r.Context().Done()}
	modified, _ := http.ParseTime(w.Header().Get("Last-Modified"))
	http.ServeContent(w, r, "", modified, body)
}

// flow is a body that stands still or breaks off where its rule says so. Seeking does not count.
type flow struct {
	*strings.Reader
	do   *rule
	sent int64
	gone <-chan struct{}
}

func (f *flow) Read(b []byte) (int, error) {
	if f.do.Cut >= 0 && f.sent >= f.do.Cut {
		panic(http.ErrAbortHandler)
	}
	if f.do.Hold >= 0 && f.sent >= f.do.Hold {
		select {
		case <-f.do.goOn:
			f.do = &rule{Cut: -1, Hold: -1}
		case <-f.gone:
			return 0, io.ErrUnexpectedEOF
		}
	}
	for _, limit := range []int64{f.do.Cut, f.do.Hold} {
		if limit >= 0 && int64(len(b)) > limit-f.sent {
			b = b[:limit-f.sent]
		}
	}
	n, err := f.Reader.Read(b)
	f.sent += int64(n)
	return n, err
}
