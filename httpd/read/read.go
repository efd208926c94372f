// Package read is the open read path of the cache-host, which clients and shims
// use. Everybody who can connect may: it needs no sign-in and sets no cookie, and
// it writes nothing but notes of misses and hits, which the store bounds. It
// redirects only a miss, to the URL that was asked for, where the client or the
// operator said so.
//
//	GET, HEAD /b/<base64url of the origin URL, no padding>/<name>
//	GET, HEAD /b/<base64url of the origin URL, no padding>.<sha256>/<name>
//	GET, HEAD /blob?url=<origin URL>
//	GET, HEAD /m/https/<host>/<path>, /m/http/<host>/<path>
//	GET, HEAD /m/or-origin/https/<host>/<path>, and with http
//	GET, HEAD /https://<host>/<path>, /http://<host>/<path>
//	GET, HEAD /by-name/<basename>
//	GET, HEAD /by-hash/sha256/<hex>
//	GET, HEAD /by-hash/sha256/<hex>.json
//	GET, HEAD /healthz
//
// A hit is sent by sendfile from the file that the store hands out. No
// http.ResponseWriter is wrapped on the way, because that would lose sendfile.
package read

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/crowd"
)

// Options of a server.
type Options struct {
	Logger         *slog.Logger
	Hit            func(key string) // is called with the key of each artifact served, by many goroutines
	Told           Told             // is called at the end of each request, by many goroutines
	RedirectMisses bool             // the door redirects misses to the origin
	Name           string           // of this server in Via (RFC 9110, 7.6.3); "": none

	// Missed is called with each URL that was noted as a miss and the names of the servers that the
	// request came through, by many goroutines. It returns what an upstream has said of the URL, which
	// is what a replica answers; "": that is not known. nil: nobody is told.
	Missed func(rawURL string, via []string) fsstore.Verdict

	// WaitsFor returns the names of the servers that the job of a URL waits for. nil: no job waits
	// for a server.
	WaitsFor func(rawURL string) []string
	MaxHeld  int // requests that may wait at once for what is approved
}

// Told is a function that is told what became of a request, and when its answer began.
type Told func(r *http.Request, began time.Time, o answer.Outcome)

// Server answers the read path for one store.
type Server struct {
	store          *fsstore.Store
	errs           *answer.Log
	hit            func(key string)
	tell           Told
	redirectMisses bool
	name           string
	waitsFor       func(string) []string
	missed         func(string, []string) fsstore.Verdict
	replies        replies
	handles        handles
	counts         counts
	crowd          *crowd.Crowd
	stop           sync.Once
	stopped        chan struct{}
}

// New returns a server for s.
func New(s *fsstore.Store, o Options) *Server {
	return &Server{
		store: s, errs: answer.NewLog(o.Logger, s.Faulty), hit: o.Hit, tell: o.Told, redirectMisses: o.RedirectMisses,
		name: o.Name, waitsFor: o.WaitsFor, missed: o.Missed,
		crowd: crowd.New(s, o.MaxHeld), stopped: make(chan struct{}),
	}
}

// Stop has those answered who wait for what is approved.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopped) }) }

// Crowd returns who waits for what is approved.
func (s *Server) Crowd() *crowd.Crowd { return s.crowd }

// handler answers a request, and returns what became of it, because to learn that from a wrapped
// http.ResponseWriter would lose sendfile.
type handler func(w http.ResponseWriter, r *http.Request, p httprouter.Params) answer.Outcome

func (s *Server) told(h handler) httprouter.Handle {
	return func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
		began := time.Now()
		s.tell(r, began, h(w, r, p))
	}
}

// Routes returns every address of the read path.
func (s *Server) Routes() []answer.Route {
	return []answer.Route{
		{Methods: "GET HEAD", Path: "/b/:token", Handle: s.told(s.byToken)}, // httprouter gives *name no empty match without its slash
		{Methods: "GET HEAD", Path: "/b/:token/*name", Handle: s.told(s.byToken)},
		{Methods: "GET HEAD", Path: "/blob", Handle: s.told(s.byQuery)},
		{Methods: "GET HEAD", Path: "/m/*url", Handle: s.ByPrefix},
		{Methods: "GET HEAD", Path: "/by-name/:name", Handle: s.told(s.byName)},
		{Methods: "GET HEAD", Path: "/by-hash/sha256/:digest", Handle: s.told(s.byDigest)},
		{Methods: "GET HEAD", Path: "/healthz", Handle: s.told(s.healthz)},
	}
}

// Run hands what was counted to the store once a second until ctx ends, and once
// more when Flush is called.
func (s *Server) Run(ctx context.Context) { s.counts.run(ctx, s.store) }

// Flush hands what was counted to the store.
func (s *Server) Flush() { s.counts.flush(s.store) }
