package front

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzFront: what Parse calls plain net/http reads as the same request, of the same length and
// without a body; and while Parse waits for more, net/http would, too.
func FuzzFront(f *testing.F) {
	for _, s := range []string{
		"GET /b/aHR0cHM6Ly94Lw/x.bin HTTP/1.1\r\nHost: cache:3000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\nGET /",
		"HEAD /blob?url=https%3A%2F%2Fx%2F HTTP/1.0\r\nHost: [::1]:3000\r\nConnection: Keep-Alive\r\n\r\n",
		"GET /by-hash/sha256/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /blob?url=https%3A%2F%2Fx%2Fa%3Fb%3Dc&or=origin HTTP/1.1\r\nHost: a\r\n\r\nHEAD /blob?url=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCache-Control: max-age=0, only-if-cached\r\nPragma: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET //b/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Request
		n, kind := r.Parse(b)
		if kind == Other {
			return
		}
		from := &counted{Reader: bytes.NewReader(b)}
		in := bufio.NewReader(from)
		want, err := http.ReadRequest(in)
		if kind == Part {
			if !from.ended {
				t.Fatalf("net/http would not wait for more: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		compare(t, r, want)
		if read := from.n - in.Buffered(); read != n {
			t.Errorf("%d bytes, where net/http has read %d", n, read)
		}
		for _, i := range [...]int{n / 2, n - 2, n - 1} {
			var r Request
			if _, kind := r.Parse(b[:i]); kind == Plain {
				t.Fatalf("%d bytes are whole, and %d are", i, n)
			}
		}
	})
}

// counted counts what is read, and notes that more was asked for than there is.
type counted struct {
	io.Reader
	n     int
	ended bool
}

func (c *counted) Read(b []byte) (n int, err error) {
	n, err = c.Reader.Read(b)
	c.n += n
	c.ended = c.ended || err != nil
	return n, err
}

func compare(t *testing.T, r Request, want *http.Request) {
	if r.Head != (want.Method == http.MethodHead) || !r.Head && want.Method != http.MethodGet ||
		string(r.Target) != want.RequestURI || string(r.Agent) != want.UserAgent() {
		t.Errorf("%q is %s %q by %q", r.Target, want.Method, want.RequestURI, want.UserAgent())
	}
	if want.Host == "" || want.Body != http.NoBody || want.ContentLength != 0 || want.TransferEncoding != nil || want.Trailer != nil {
		t.Errorf("a plain request with more than a head: %+v", want)
	}
	stays := !want.Close && (want.ProtoAtLeast(1, 1) || strings.EqualFold(want.Header.Get("Connection"), "keep-alive"))
	if r.keep != stays || r.old == want.ProtoAtLeast(1, 1) {
		t.Errorf("keep %v, old %v, where net/http has %v %s", r.keep, r.old, want.Close, want.Proto)
	}
	held := false
	for directive := range strings.SplitSeq(want.Header.Get("Cache-Control"), ",") {
		held = held || strings.EqualFold(strings.TrimSpace(directive), "only-if-cached")
	}
	if r.OnlyIfCached != held {
		t.Errorf("only-if-cached %v", r.OnlyIfCached)
	}
	for name, values := range want.Header {
		if fieldOf([]byte(name)) < 0 || len(values) != 1 {
			t.Errorf("the field %s: %q", name, values)
		}
	}
}
