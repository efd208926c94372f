package client

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore/fetch/failure"
)

// Facts are what an origin says of a URL in the header of an answer.
type Facts struct {
	Status    int
	Size      int64 // in bytes; -1: unknown
	Type      string
	Modified  time.Time // zero: unknown
	Final     string    // URL after redirects; it may carry a signature
	Redirects int
}

// Head asks an origin what it has, under the rules of a download: the same addresses, credentials,
// redirects and User-Agent ("": Client.UserAgent). Where the origin refuses HEAD, by a status or
// by hanging up, as many do for signed URLs, it asks by a GET of one byte whose body is not read.
// The error says in words why nobody answered.
func (c *Client) Head(ctx context.Context, raw, agent string) (Facts, error) {
	f, err := c.header(ctx, Request{Method: http.MethodHead, URL: raw, UserAgent: agent})
	if err == nil && f.Status < 400 || err != nil && !isTemporary(err) {
		return f, err
	}
	firstByte := http.Header{"Range": {"bytes=0-0"}}
	one, errGet := c.header(ctx, Request{URL: raw, UserAgent: agent, Fields: firstByte})
	if errGet != nil {
		return f, err
	}
	return one, nil
}

// isTemporary reports whether a further attempt may succeed.
func isTemporary(err error) bool {
	f, ok := errors.AsType[*failure.Failure](err)
	return ok && f.End == failure.Retry
}

func (c *Client) header(ctx context.Context, q Request) (Facts, error) {
	a, err := c.Ask(ctx, q)
	if err != nil {
		return Facts{}, err
	}
	defer a.Close()
	f := Facts{
		Status:    a.StatusCode,
		Size:      totalSize(a.Response),
		Type:      a.Header.Get("Content-Type"),
		Final:     a.final().raw,
		Redirects: len(a.hops) - 1,
	}
	if t, err := http.ParseTime(a.Header.Get("Last-Modified")); err == nil {
		f.Modified = t
	}
	if f.Status == http.StatusPartialContent {
		f.Status = http.StatusOK
	}
	return f, nil
}

// totalSize returns the size of the whole in bytes, from Content-Range (RFC 9110, 14.4) where the
// answer is a part of it; -1 is unknown.
func totalSize(r *http.Response) int64 {
	if r.StatusCode != http.StatusPartialContent {
		return r.ContentLength
	}
	_, total, _ := strings.Cut(r.Header.Get("Content-Range"), "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
		return n
	}
	return -1
}
