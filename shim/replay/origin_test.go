package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore/kind"
)

// origin is every server of the world. What a URL is and how it is served follow from the URL
// alone, so that a command finds the same thing however often it is run.
type origin struct {
	ca   *ca
	mu   sync.Mutex
	seen []request
}

// request is what the origin was asked, and what it gave.
type request struct {
	text  string // method, URL, protocol and header
	plain bool   // a GET of the whole, without credentials, cookies and conditions
	large bool   // the URL names a large artifact
	body  []byte // of a whole answer with 200
}

// taken returns what was asked since the last call.
func (o *origin) taken() []request {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := o.seen
	o.seen = nil
	slices.SortStableFunc(seen, func(a, b request) int { return strings.Compare(a.text, b.text) })
	return seen
}

// start serves all ports, on each of them TLS to who begins with it.
func (o *origin) start(t *testing.T, ports []int) {
	plain, secure := &turnstile{make(chan net.Conn)}, &turnstile{make(chan net.Conn)}
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{Handler: http.HandlerFunc(o.serve), ErrorLog: quiet}
	over := &http.Server{Handler: http.HandlerFunc(o.serve), ErrorLog: quiet, TLSConfig: &tls.Config{GetCertificate: o.ca.leaf}}
	over.TLSConfig.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c := over.TLSConfig.Clone()
		c.GetConfigForClient = nil
		if hash(hello.ServerName)%2 == 0 {
			c.NextProtos = []string{"http/1.1"}
		}
		return c, nil
	}
	go server.Serve(plain)
	go over.ServeTLS(secure, "", "")
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprint(":", port))
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go admit(l, plain, secure)
	}
}

// turnstile is a listener that is handed its connections.
type turnstile struct{ conns chan net.Conn }

func (s *turnstile) Accept() (net.Conn, error) { return <-s.conns, nil }
func (s *turnstile) Close() error              { return nil }
func (s *turnstile) Addr() net.Addr            { return &net.TCPAddr{} }

// peeked is a connection whose first byte was looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

func admit(l net.Listener, plain, secure *turnstile) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			p := &peeked{c, bufio.NewReader(c)}
			first, err := p.r.Peek(1)
			switch {
			case err != nil:
				c.Close()
			case first[0] == 0x16: // a TLS handshake
				secure.conns <- p
			default:
				plain.conns <- p
			}
		}()
	}
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64() >> 7
}

// thing is what the origin has at a URL.
type thing struct {
	body            []byte
	mime            string
	compressed      bool // where it is asked for
	chunked, ranges bool
}

// Where redirects lead.
const (
	stored    = "/stored-elsewhere"
	signature = "&se=2030-01-01&sp=r&sig=abcdef"
)

func (o *origin) serve(w http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	url := scheme + "://" + r.Host + r.RequestURI
	query := strings.TrimSuffix(r.URL.RawQuery, signature)
	req := request{text: describe(r, url), plain: isPlain(r), large: isLarge(url)}
	h := hash(strings.ToLower(r.Host) + r.URL.Path)
	head := w.Header()
	head.Set("Date", "Fri, 01 Mar 2024 12:00:00 GMT") // some commands save it
	var answer func()
	give := func(path string, h uint64) {
		th := thingOf((&neturl.URL{Scheme: "http", Host: "h", Path: path, RawQuery: query}).String(), h) // however the path came escaped
		th.asked(r, h)
		if r.Method == "GET" {
			req.body = th.body
		}
		answer = func() { th.serve(w, r, h) }
	}
	move := func(to string, status int) { answer = func() { http.Redirect(w, r, to, status) } }
	switch {
	case r.Method != "GET" && r.Method != "HEAD":
		answer = func() {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprintf(w, "%s of %d bytes\n", r.Method, n)
		}
	case strings.HasPrefix(r.URL.Path, stored):
		give(strings.TrimPrefix(r.URL.Path, stored), h|1)
	case h%23 == 0:
		answer = func() { http.Error(w, "no such page", http.StatusNotFound) }
	case h%9 == 0:
		move(stored+r.URL.EscapedPath()+"?"+query, http.StatusFound)
	case h%9 == 1 || strings.Contains(r.URL.Path, "/releases/download/"):
		move(scheme+"://objects.example.net"+stored+r.URL.EscapedPath()+"?"+query+signature, http.StatusMovedPermanently)
	default:
		give(r.URL.Path, h)
	}
	o.mu.Lock()
	o.seen = append(o.seen, req) // before the tool can have ended
	o.mu.Unlock()
	answer()
}

// describe is all of a request that the origin could act upon.
func describe(r *http.Request, url string) string {
	var fields []string
	for name, values := range r.Header {
		fields = append(fields, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(fields)
	return r.Method + " " + url + " " + r.Proto + " " + strings.Join(fields, " | ")
}

func isPlain(r *http.Request) bool {
	for _, name := range []string{"Range", "Authorization", "Proxy-Authorization", "Cookie", "If-Modified-Since", "If-None-Match", "If-Range", "If-Match"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return r.Method == "GET"
}

// isLarge reports whether a URL names a large artifact: an archive, a package, an image, a model or
// a program, by its extension or, where it has none, by the processor or system in its name.
func isLarge(url string) bool {
	name := kind.Name(url)
	return kind.Binary(name) && !strings.HasSuffix(name, ".sh") || isProgram(name)
}

func isProgram(name string) bool {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && len(name)-dot < 6 && strings.Trim(name[dot+1:], "0123456789") != "" && !isArch(name[dot:]) {
		return false
	}
	return isArch(name)
}

func isArch(name string) bool {
	for _, word := range []string{"amd64", "arm64", "x86_64", "aarch64", "linux", "darwin"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// thingOf makes what is at a URL: what its name says it is, of a size that is its own.
func thingOf(url string, h uint64) thing {
	name := kind.Name(url)
	size := 500 + int(h%60000)
	if h%29 == 0 {
		size += 3 << 20
	}
	th := thing{mime: "application/octet-stream", chunked: h%7 == 1, ranges: h%7 > 1}
	switch {
	case strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, ".run") || strings.HasPrefix(name, "install"):
		th.body = fmt.Appendf(nil, "#!/bin/sh\necho ran %q\nexit 0\n", url)
		th.mime = "text/x-shellscript"
	case kind.Binary(name):
		th.body = magicOf(name)
	case isProgram(name):
		th.body = []byte("\x7fELF\x02\x01\x01\x00")
	default:
		th.body, th.mime = fmt.Appendf(nil, "# %s\n", url), "text/plain"
		size %= 9000
	}
	th.compressed = strings.HasPrefix(th.mime, "text/") && h%2 == 0
	fill := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(url))).Read(fill)
	if strings.HasPrefix(th.mime, "text/") {
		fill = fmt.Appendf(nil, "# %x\n", fill)
	}
	th.body = append(th.body, fill...)
	return th
}

// magicOf is how a file of that name begins.
func magicOf(name string) []byte {
	for _, m := range [][2]string{
		{".gz", "\x1f\x8b\x08\x00"}, {".tgz", "\x1f\x8b\x08\x00"}, {".gzip", "\x1f\x8b\x08\x00"}, {".crate", "\x1f\x8b\x08\x00"}, {".xz", "\xfd7zXZ\x00"}, {".txz", "\xfd7zXZ\x00"},
		{".zst", "\x28\xb5\x2f\xfd"}, {".zstd", "\x28\xb5\x2f\xfd"}, {".tzst", "\x28\xb5\x2f\xfd"}, {".bz2", "BZh9"}, {".tbz", "BZh9"}, {".tbz2", "BZh9"},
		{".zip", "PK\x03\x04"}, {".whl", "PK\x03\x04"}, {".jar", "PK\x03\x04"},
		{"deb", "!<arch>\ndebian-binary   "}, {".rpm", "\xed\xab\xee\xdb"}, {".exe", "MZ"}, {".7z", "7z\xbc\xaf\x27\x1c"}, {".pdf", "%PDF-1.7\n"},
	} {
		if strings.HasSuffix(name, m[0]) {
			return []byte(m[1])
		}
	}
	return []byte("\x00binary\x00")
}

// asked makes of a thing what it is for one client: some origins have a page under a name without
// extension for everybody, or for all but curl and wget, as the hosts of install scripts do.
func (th *thing) asked(r *http.Request, h uint64) {
	if th.mime != "text/plain" || strings.Contains(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ".") {
		return
	}
	agent := strings.ToLower(r.UserAgent())
	if h%3 == 0 || h%3 == 1 && !strings.HasPrefix(agent, "curl") && !strings.HasPrefix(agent, "wget") {
		th.body, th.mime, th.compressed = fmt.Appendf(nil, "<!doctype html>\n<title>%x</title>\n", h), "text/html", false
	}
}

// serve answers a GET or HEAD.
func (th *thing) serve(w http.ResponseWriter, r *http.Request, h uint64) {
	head := w.Header()
	head.Set("Content-Type", th.mime)
	modified := time.Date(2015+int(h%9), time.Month(1+h%12), 1+int(h%28), 3, 4, 5, 0, time.UTC)
	if h%6 == 0 {
		modified = time.Time{}
	}
	if h%4 != 0 {
		head.Set("ETag", map[bool]string{true: "W/"}[h%4 == 1]+fmt.Sprintf("\"%x\"", h))
	}
	if h%5 == 0 {
		head.Set("Content-Disposition", `attachment; filename="named-by-origin.bin"`)
	}
	if th.ranges && !th.compressed {
		http.ServeContent(w, r, "", modified, bytes.NewReader(th.body))
		return
	}
	if !modified.IsZero() {
		head.Set("Last-Modified", modified.Format(http.TimeFormat))
	}
	sent := th.body
	if th.compressed && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(th.body)
		z.Close()
		sent = b.Bytes()
		head.Set("Content-Encoding", "gzip")
	}
	if !th.chunked {
		head.Set("Content-Length", fmt.Sprint(len(sent)))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == "GET" {
		if th.chunked {
			w.(http.Flusher).Flush()
		}
		w.Write(sent)
	}
}
