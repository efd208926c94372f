package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// act sends v as JSON, and reads the answer into into, if that is not nil.
func (c *Client) act(ctx context.Context, method, path string, v, into any) error {
	r := request{method: method, path: path}
	if into != nil {
		r.read = decodeInto(into)
	}
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		r.kind, r.body, r.size = "application/json", bytes.NewReader(b), int64(len(b))
	}
	return c.do(ctx, r)
}

// actOn is act on a file. A name that would make the path another one is not asked for.
func (c *Client) actOn(ctx context.Context, method, dir, name, verb string, v any) error {
	if noFile(name) {
		return fs.ErrNotExist
	}
	return c.act(ctx, method, dir+url.PathEscape(name)+verb, v, nil)
}

// noFile reports whether no file can have that name.
func noFile(name string) bool { return name == "" || name == "." || name == ".." }

// jobDir is the path of a directory of the spool; any where it is not known.
func jobDir(st fsstore.State) string { return "jobs/" + cmp.Or(string(st), "any") + "/" }

// Approve approves the URL of a miss that has this sum.
func (c *Client) Approve(ctx context.Context, m fsstore.Shown) error {
	type body struct {
		Sum string `json:"sum,omitempty"`
	}
	return c.actOn(ctx, http.MethodPost, "misses/", m.Name, "/approve", body{m.Sum})
}

// Dismiss removes a miss, or a job that has ended.
func (c *Client) Dismiss(ctx context.Context, st fsstore.State, name string) error {
	return c.actOn(ctx, http.MethodDelete, jobDir(st), name, "", nil)
}

// Deny denies a key, a host, or *.domain.
func (c *Client) Deny(ctx context.Context, name string) error {
	return c.actOn(ctx, http.MethodPut, "denied/", name, "", nil)
}

// Allow takes a denial back.
func (c *Client) Allow(ctx context.Context, name string) error {
	return c.actOn(ctx, http.MethodDelete, "denied/", name, "", nil)
}

// Cancel stops a job that waits or runs.
func (c *Client) Cancel(ctx context.Context, name string) error {
	return c.actOn(ctx, http.MethodPost, jobDir(""), name, "/cancel", nil)
}

// Retry queues a job that has ended again.
func (c *Client) Retry(
	ctx context.Context, st fsstore.State, name string, more operate.Addition,
) error {
	type body struct {
		URL    string   `json:"url,omitempty"`
		SHA256 string   `json:"sha256,omitempty"`
		Accept []string `json:"accept,omitempty"`
	}
	b := body{more.URL, more.SHA256, more.Accept}
	return c.actOn(ctx, http.MethodPost, jobDir(st), name, "/retry", b)
}

// Evict removes an artifact.
func (c *Client) Evict(ctx context.Context, key string) error {
	return c.actOn(ctx, http.MethodDelete, "artifacts/", key, "", nil)
}

// Add queues a URL, and returns the name that its job has in queue/.
func (c *Client) Add(ctx context.Context, a operate.Addition) (string, error) {
	if err := checkURL(a.URL); err != nil {
		return "", err
	}
	var j operate.Job
	err := c.act(ctx, http.MethodPost, "jobs", a, &j)
	if j.State != fsstore.Queue && j.Key != "" {
		return j.Key + ".job", err // a worker has it by now
	}
	return j.Name, err
}

// Put sends what from brings as the artifact of a URL.
func (c *Client) Put(
	ctx context.Context, a operate.Addition, from io.Reader, size int64, progress func(int64) error,
) (v operate.Artifact, err error) {
	if err := checkURL(a.URL); err != nil {
		return v, err
	}
	q := url.Values{"url": {a.URL}}
	if a.SHA256 != "" {
		q.Set("sha256", a.SHA256)
	}
	for _, word := range a.Accept {
		q.Add("accept", word)
	}
	body := &outgoing{from: from, size: size, progress: progress}
	err = c.do(ctx, request{
		method: http.MethodPut, path: "artifacts", query: q, kind: "application/octet-stream",
		body: body, size: size, read: decodeInto(&v), watch: func(p postpone) { body.postpone = p },
	})
	if failed := body.failure(); failed != nil {
		err = failed
	}
	return v, err
}
