package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestScripts sends the requests of testdata/*.txt over TCP, byte for byte.
//
//	> line     a line of the request; "Host: cache" and the empty line are added
//	< code     the status expected
//	< K: V     a field expected; V may hold * for anything
//	< !K       a field that must not be there
//	= text     the body, exactly (a newline is added)
//	~ text     what the body holds
//	files D N  the number of files in a directory of the tree
//	hits U N   the hits of an artifact
//
// ${b:URL} is its /b/ token, ${q:URL} the URL percent-encoded, ${x:BYTES*N}
// repeats. An answer to HEAD has no body.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range scripts {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			w := scriptWorld(t)
			for i, block := range strings.Split(string(text), "\n\n") {
				runBlock(w, fmt.Sprintf("block %d", i+1), block)
			}
		})
	}
}

func scriptWorld(t *testing.T) *world {
	w := newWorld(t, Options{})
	w.hold("https://vendor.example/cuda.run", []byte("hello, blob\n"), fsstore.Origin{
		Ranges: true, FinalURL: "https://cdn.example/cuda.run", Redirects: []string{"https://vendor.example/cuda.run"},
		Header: map[string]string{
			"Content-Type": "application/x-makeself", "Last-Modified": "Tue, 03 Nov 2026 10:00:00 GMT",
			"Content-Disposition": `attachment; filename="cuda.run"`,
		},
	})
	w.hold("https://vendor.example/plain.bin", []byte("0123456789"), fsstore.Origin{Ranges: true})
	w.hold("https://vendor.example/odd.bin", []byte("odd"), fsstore.Origin{Header: map[string]string{
		"Content-Type": "text/html\r\nSet-Cookie: x=y", "Last-Modified": "yesterday", "Content-Disposition": `attachment; filename="../../etc/passwd"`,
	}})
	w.hold("https://vendor.example/whole.bin", []byte("9876543210"), fsstore.Origin{Header: map[string]string{"Last-Modified": "Tue, 03 Nov 2026 10:00:00 GMT"}})
	w.hold("https://vendor.example/twice.bin", []byte("version one"), fsstore.Origin{Ranges: true, Header: map[string]string{
		"Content-Type": "application/x-one", "Last-Modified": "Tue, 03 Nov 2026 10:00:00 GMT",
	}})
	w.hold("https://vendor.example/twice.bin", []byte("version two"), fsstore.Origin{Header: map[string]string{"Content-Type": "application/x-two"}})
	w.hold("https://vendor.example/empty.bin", nil, fsstore.Origin{Ranges: true})
	for url, body := range map[string]string{
		"https://one.example/v1/setup.exe": "one", "https://two.example/v2/setup.exe": "two",
		"https://one.example/same.bin": "of two mirrors", "https://two.example/same.bin": "of two mirrors",
		"https://vendor.example/a%20b.bin": "encoded", "https://vendor.example/100%25%2fa|b%C3%BC%0a.bin": "as it was sent",
	} {
		w.hold(url, []byte(body), noOrigin)
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "denied", "evil.example"), nil, 0o644))
	_, err := w.store.Add(fsstore.Addition{URL: "https://vendor.example/queued.bin"}, operator)
	w.must(err)
	w.claim("https://vendor.example/active.bin")
	return w
}

var placeholder = regexp.MustCompile(`\$\{([a-z]):([^}]*)\}`)

func expand(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(m string) string {
		p := placeholder.FindStringSubmatch(m)
		switch p[1] {
		case "b":
			v, err := strconv.Unquote(`"` + p[2] + `"`)
			if err != nil {
				panic(err)
			}
			return "/b/" + token(v)
		case "q":
			return url.QueryEscape(p[2])
		case "x":
			text, n, _ := strings.Cut(p[2], "*")
			times, _ := strconv.Atoi(n)
			return strings.Repeat(text, times)
		}
		panic("unknown placeholder " + m)
	})
}

// runBlock sends one request and compares.
func runBlock(w *world, name, block string) {
	var request []string
	var expect []string
	for line := range strings.SplitSeq(block, "\n") {
		switch {
		case strings.HasPrefix(line, "> "):
			request = append(request, expand(line[2:]))
		case line != "" && !strings.HasPrefix(line, "#"):
			expect = append(expect, expand(line))
		}
	}
	var resp *http.Response
	var body string
	if len(request) > 0 {
		name += ": " + request[0][:min(80, len(request[0]))]
		resp, body = exchange(w, name, request)
	}
	for _, line := range expect {
		check(w, name, line, resp, body)
	}
}

func exchange(w *world, name string, request []string) (*http.Response, string) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	head := strings.Join(request, "\r\n") + "\r\n"
	if !strings.Contains(head, "\r\nHost:") {
		head += "Host: " + w.addr + "\r\n"
	}
	go io.WriteString(c, head+"Connection: close\r\n\r\n")
	method, _, _ := strings.Cut(request[0], " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		w.t.Errorf("%s: body: %v", name, err)
	}
	return resp, b.String()
}

func check(w *world, name, line string, resp *http.Response, body string) {
	w.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "<":
		checkHead(w.t, name, rest, resp)
	case "=":
		if body != rest+"\n" {
			w.t.Errorf("%s: body %q, want %q", name, body, rest+"\n")
		}
	case "~":
		if !strings.Contains(body, rest) {
			w.t.Errorf("%s: body %q lacks %q", name, body, rest)
		}
	case "files":
		dir, n, _ := strings.Cut(rest, " ")
		if got := strconv.Itoa(w.files(dir)); got != n {
			w.t.Errorf("%s: %s files in %s, want %s", name, got, dir, n)
		}
	case "hits":
		u, n, _ := strings.Cut(rest, " ")
		a, err := w.store.Lookup(u)
		w.must(err)
		eventually(w.t, name+": "+line, func() bool { return itoa(w.store.Hits(a.Key)) == n })
	default:
		w.t.Fatalf("%s: unknown line %q", name, line)
	}
}

func checkHead(t testing.TB, name, want string, resp *http.Response) {
	t.Helper()
	k, v, isField := strings.Cut(want, ": ")
	switch {
	case strings.HasPrefix(want, "!"):
		if got, ok := resp.Header[http.CanonicalHeaderKey(want[1:])]; ok {
			t.Errorf("%s: has %s %q", name, want[1:], got)
		}
	case !isField:
		if got := strconv.Itoa(resp.StatusCode); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	default:
		got := strings.Join(resp.Header.Values(k), "|")
		pattern := strings.ReplaceAll(regexp.QuoteMeta(v), `\*`, ".*")
		if ok, _ := regexp.MatchString("^"+pattern+"$", got); !ok {
			t.Errorf("%s: %s: %q, want %q", name, k, got, v)
		}
	}
}
