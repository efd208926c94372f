package fetch

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Facts are what an origin says of a URL in the header of an answer.
type Facts struct {
	Status    int
	Size      int64 // bytes, -1: it doesn't say
	Type      string
	Modified  time.Time // zero: it doesn't say
	Final     string    // URL that answered; it may carry a signature
	Redirects int
}

// Head asks an origin what it has, under the rules of a download: the same
// addresses, credentials and redirects. Where the origin refuses HEAD, as many
// do for signed URLs, the header of a GET of one byte says it; its body is not
// read. An error says in words why nobody answered.
func (p *Pool) Head(ctx context.Context, raw string) (Facts, error) {
	f, err := p.header(ctx, http.MethodHead, raw, http.Header{})
	if err != nil || !refusesHead(f.Status) {
		return f, err
	}
	one, err := p.header(ctx, http.MethodGet, raw, http.Header{"Range": {"bytes=0-0"}})
	if err != nil {
		return f, nil
	}
	return one, nil
}

func refusesHead(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

func (p *Pool) header(ctx context.Context, method, raw string, fields http.Header) (Facts, error) {
	a, err := p.ask(ctx, question{method: method, url: raw, fields: fields})
	if err != nil {
		return Facts{}, err
	}
	defer a.close()
	f := Facts{Status: a.StatusCode, Size: sizeSaid(a.Response), Type: a.Header.Get("Content-Type"), Final: a.final().raw, Redirects: len(a.hops) - 1}
	if t, err := http.ParseTime(a.Header.Get("Last-Modified")); err == nil {
		f.Modified = t
	}
	if f.Status == http.StatusPartialContent {
		f.Status = http.StatusOK
	}
	return f, nil
}

// sizeSaid is the length of the whole, RFC 9110, 14.4 for a piece of it.
func sizeSaid(r *http.Response) int64 {
	if r.StatusCode != http.StatusPartialContent {
		return r.ContentLength
	}
	_, total, _ := strings.Cut(r.Header.Get("Content-Range"), "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
		return n
	}
	return -1
}
