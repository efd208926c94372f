package front

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Keeps reports whether the connection stays open when the request is answered.
func (r *Request) Keeps() bool { return r.keep }

// AppendHead appends the header of the answer to r, as net/http has it: the status, as in "200 OK",
// the fields, each with its line's end, the date, and what becomes of the connection.
func (r *Request) AppendHead(b []byte, status string, fields ...[]byte) []byte {
	version := "HTTP/1.1 "
	if r.old {
		version = "HTTP/1.0 "
	}
	b = append(append(append(b, version...), status...), "\r\n"...)
	for _, f := range fields {
		b = append(b, f...)
	}
	b = append(append(b, "Date: "...), r.clock.date()...)
	switch {
	case r.old && r.keep:
		b = append(b, "Connection: keep-alive\r\n"...)
	case !r.old && !r.keep:
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// clock has the value of Date (RFC 9110, 6.6.1), formatted once a second.
type clock struct{ last atomic.Pointer[stamp] }

// stamp is a second, and what Date has in it.
type stamp struct {
	second int64
	date   string // with its line's end
}

func (c *clock) date() string {
	t := time.Now()
	s := c.last.Load()
	if s == nil || s.second != t.Unix() {
		s = &stamp{t.Unix(), t.UTC().Format(http.TimeFormat) + "\r\n"}
		c.last.Store(s)
	}
	return s.date
}
