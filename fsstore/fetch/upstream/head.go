package upstream

import (
	"context"
	"net/http"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
)

// has reports whether the server holds a URL, and if not why, as far as it says so. With wanted it
// notes a miss there; via are the names of the servers from which the wish comes.
func (s *Server) has(ctx context.Context, raw string, wanted bool, via []string) (bool,
	fsstore.Verdict, error) {
	if down := s.isDown(); down != nil {
		return false, "", down
	}
	fields := s.withVia(nil, via...)
	if !wanted {
		fields.Set("Cache-Control", "only-if-cached")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	r, err := s.kept.Head(ctx, client.Request{URL: s.address(raw, ""), Fields: fields})
	if err != nil {
		return false, "", s.setDown(began, err)
	}
	var why fsstore.Verdict
	if r.StatusCode == http.StatusNotFound {
		why = fsstore.Verdict(verdictOf(r.Header))
	}
	return r.StatusCode == http.StatusOK && digestOf(r.Header) != "", why, nil
}
