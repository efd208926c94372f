// Package read is the open read path of the cache-host, which clients and shims
// use. Everybody who can connect may: it needs no sign-in, sets no cookie and
// redirects nowhere, and it writes nothing but notes of misses and hits, which
// the store bounds.
//
//	GET, HEAD /b/<base64url of the origin URL, no padding>/<name>
//	GET, HEAD /b/<base64url of the origin URL, no padding>.<sha256>/<name>
//	GET, HEAD /blob?url=<origin URL>
//	GET, HEAD /by-hash/sha256/<hex>
//	GET, HEAD /healthz
//
// A hit is sent by sendfile from the file that the store hands out. No
// http.ResponseWriter is wrapped on the way, because that would lose sendfile.
package read

import (
	"context"
	"log/slog"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// Server answers the read path for one store.
type Server struct {
	store   *fsstore.Store
	errs    *answer.Log
	hit     func(key string)
	replies replies
	counts  counts
}

// New returns a server for s. It calls hit, which may be used by many goroutines,
// with the key of each artifact that is served.
func New(s *fsstore.Store, log *slog.Logger, hit func(key string)) *Server {
	return &Server{store: s, errs: answer.NewLog(log, s.Faulty), hit: hit}
}

// Routes returns every address of the read path.
func (s *Server) Routes() []answer.Route {
	return []answer.Route{
		{Methods: "GET HEAD", Path: "/b/:token", Handle: s.byToken}, // httprouter gives *name no empty match without its slash
		{Methods: "GET HEAD", Path: "/b/:token/*name", Handle: s.byToken},
		{Methods: "GET HEAD", Path: "/blob", Handle: s.byQuery},
		{Methods: "GET HEAD", Path: "/by-hash/sha256/:digest", Handle: s.byDigest},
		{Methods: "GET HEAD", Path: "/healthz", Handle: s.healthz},
	}
}

// Run hands what was counted to the store once a second until ctx ends, and once
// more when Flush is called.
func (s *Server) Run(ctx context.Context) { s.counts.run(ctx, s.store) }

// Flush hands what was counted to the store.
func (s *Server) Flush() { s.counts.flush(s.store) }
