package probe

import (
	"bufio"
	"strings"
	"testing"
)

// FuzzReply holds that reading an answer ends and finds a status only in an answer that has one.
func FuzzReply(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\n\r\n")
	f.Add("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200\r\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		r := readReply(bufio.NewReader(strings.NewReader(s)))
		if r.Status != 0 && (r.Status < 200 || r.Status > 999 || !strings.Contains(s, "HTTP/")) {
			t.Errorf("%q: %+v", s, r)
		}
	})
}
