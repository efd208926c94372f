package client

import (
	"context"
	"io/fs"
	"net/url"
	"strconv"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
)

// Counts counts what there is.
func (c *Client) Counts(ctx context.Context) (v operate.Counts, err error) {
	err = c.get(ctx, "counts", nil, &v)
	return v, err
}

// Jobs lists a directory of the spool.
func (c *Client) Jobs(ctx context.Context, st fsstore.State, p operate.Page) (v operate.JobList, err error) {
	err = c.get(ctx, "jobs/"+string(st), pageQuery(p), &v)
	return v, err
}

// Job returns one job, with its log.
func (c *Client) Job(ctx context.Context, st fsstore.State, name string) (v operate.Job, err error) {
	if noFile(name) {
		return v, fs.ErrNotExist
	}
	err = c.get(ctx, jobDir(st)+url.PathEscape(name), nil, &v)
	return v, err
}

// Artifacts lists what is held.
func (c *Client) Artifacts(ctx context.Context, p operate.Page) (v operate.ArtifactList, err error) {
	err = c.get(ctx, "artifacts", pageQuery(p), &v)
	return v, err
}

// Names returns the names of the files of a URL.
func (c *Client) Names(ctx context.Context, rawURL string, in []fsstore.State) ([]string, error) {
	if err := checkURL(rawURL); err != nil {
		return nil, err
	}
	q := url.Values{"url": {rawURL}}
	for _, st := range in {
		q.Add("in", string(st))
	}
	var v struct{ Names []string }
	err := c.get(ctx, "names", q, &v)
	if err == nil && len(v.Names) == 0 {
		v.Names = []string{""} // which no file has
	}
	return v.Names, err
}

// Why tells all that is known of a URL.
func (c *Client) Why(ctx context.Context, rawURL string) (v operate.Why, err error) {
	if err := checkURL(rawURL); err != nil {
		return v, err
	}
	err = c.get(ctx, "why", url.Values{"url": {rawURL}}, &v)
	return v, err
}

// Stats returns the last so many days.
func (c *Client) Stats(ctx context.Context, days int) (v operate.Stats, err error) {
	err = c.get(ctx, "stats", url.Values{"days": {strconv.Itoa(days)}}, &v)
	return v, err
}

// Status says whether all is well.
func (c *Client) Status(ctx context.Context) (*fsstore.Status, error) {
	v := &fsstore.Status{}
	err := c.get(ctx, "status", nil, v)
	return v, err
}

// checkURL refuses what is no URL in the store's own words.
func checkURL(rawURL string) error {
	_, err := key.Parse(rawURL, key.Keep)
	return err
}

// maxRows is how many rows the server gives at once.
const maxRows = 1000

func pageQuery(p operate.Page) url.Values {
	limit := p.Limit
	if limit == 0 {
		limit = maxRows
	}
	v := url.Values{"limit": {strconv.Itoa(limit)}}
	if p.Match != "" {
		v.Set("match", p.Match)
	}
	if p.After != "" {
		v.Set("after", p.After)
	}
	return v
}
