package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// A plain answer's fields go past http.Header, a conditional one's do not: both
// say the same, HEAD and GET, whatever the artifact, on one connection and
// with the requests sent all at once.
func TestPlainAndConditionalSayTheSame(t *testing.T) {
	t.Parallel()
	w := scriptWorld(t)
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer c.Close()
	r := bufio.NewReader(c)
	names := []string{"cuda.run", "plain.bin", "odd.bin", "empty.bin"}
	var asked strings.Builder
	for _, name := range names {
		for _, method := range []string{"HEAD", "GET"} {
			for _, field := range []string{"", "If-None-Match: \"x\"\r\n"} {
				fmt.Fprintf(&asked, "%s /b/%s/x HTTP/1.1\r\nHost: x\r\n%s\r\n", method, token("https://vendor.example/"+name), field)
			}
		}
		fmt.Fprintf(&asked, "GET /b/%s/x HTTP/1.1\r\nHost: x\r\n\r\n", token("https://vendor.example/missing.bin"))
	}
	_, err = io.WriteString(c, asked.String())
	w.must(err)
	for _, name := range names {
		var first http.Header
		for i, method := range []string{"HEAD", "HEAD", "GET", "GET"} {
			resp, _ := answerOf(w, r, method)
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Etag") == "" {
				t.Fatalf("%s: %s, %v", name, resp.Status, resp.Header)
			}
			resp.Header.Del("Date")
			if first == nil {
				first = resp.Header
			}
			if !reflect.DeepEqual(first, resp.Header) {
				t.Errorf("%s, answer %d:\n%v\n%v", name, i, first, resp.Header)
			}
		}
		if resp, _ := answerOf(w, r, "GET"); resp.StatusCode != http.StatusNotFound || resp.Header.Get("Etag") != "" {
			t.Errorf("a miss after %s: %s, %v", name, resp.Status, resp.Header)
		}
	}
}

func answerOf(w *world, r *bufio.Reader, method string) (*http.Response, string) {
	w.t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	w.must(err)
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp, string(b)
}
