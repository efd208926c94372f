package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humahttprouter"
	"github.com/julienschmidt/httprouter"
	"golang.org/x/time/rate"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
)

// Base is the path below which the calls are.
const Base = "/api/v1"

// maxBody limits a body in bytes, save for what is put: a URL of 8 KiB, escaped, and more.
const maxBody = 64 << 10

// bodyTime is how long a body may take to come, save for what is put.
const bodyTime = 15 * time.Second

// Options of the API. The zero value of each field is its default.
type Options struct {
	Version string        // of the program
	Logger  *slog.Logger  // nil: discard
	View    *fsstore.View // what the pages have in memory; nil: each sum reads all files
	// Head asks an origin for the header of a URL, by an operator's wish; nil: nobody can ask.
	Head func(ctx context.Context, rawURL, agent string) (OriginFacts, error)
}

// Server answers the API of one store.
type Server struct {
	store   *fsstore.Store
	guard   *access.Guard
	opt     Options
	log     *slog.Logger
	errs    *answer.Log
	refused rate.Sometimes // log lines
	router  *httprouter.Router
	api     huma.API
	spec    []byte
	logs    chan struct{} // has an element for each log that is being read
	stopped chan struct{} // closed when those who wait are to get an answer
	stop    sync.Once
}

// New returns a server for s.
func New(s *fsstore.Store, g *access.Guard, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	srv := &Server{
		store: s, guard: g, opt: o, log: o.Logger, errs: answer.NewLog(o.Logger, s.Faulty), refused: rate.Sometimes{Interval: time.Minute},
		router: newRouter(), stopped: make(chan struct{}), logs: make(chan struct{}, maxLogs),
	}
	srv.api = humahttprouter.New(srv.router, config(o.Version))
	srv.addArtifacts()
	srv.addPut()
	srv.addMisses()
	srv.addJobs()
	srv.addDenied()
	srv.addRules()
	srv.addAbout()
	srv.addLog()
	var err error
	srv.spec, err = json.Marshal(srv.api.OpenAPI())
	return srv, err
}

// Stop has those answered who wait for a job, and ends the logs that go on.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopped) }) }

// Routes returns every address of the API.
func (s *Server) Routes() []answer.Route {
	return []answer.Route{{Methods: "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE", Path: "/api/*path", Handle: s.handle}}
}

func newRouter() *httprouter.Router {
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.RedirectTrailingSlash = false
	r.HandleOPTIONS = false
	r.NotFound = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "there is no such call: /api/openapi.json lists them")
	})
	r.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusMethodNotAllowed, "this address takes "+answer.Allow(w.Header()))
	})
	return r
}

func config(version string) huma.Config {
	c := huma.DefaultConfig("fromcache", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // which would add a $schema to each answer
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "What a cache-host holds, what clients asked for, and what an operator does about it."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":  {Type: "http", Scheme: "bearer", Description: "made by fromcache token add"},
		"cookie": {Type: "apiKey", In: "cookie", Name: "fromcache-session", Description: "of the pages' sign-in"},
	}
	c.Security = []map[string][]string{{"token": {}}, {"cookie": {}}}
	return c
}

// register adds a call. Method and path are as in "GET /misses/{name}".
func register[I, O any](s *Server, c call, do func(context.Context, *I) (*O, error)) {
	registerOperation(s, c.operation(s.api), do)
}

func registerOperation[I, O any](s *Server, o huma.Operation, do func(context.Context, *I) (*O, error)) {
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.problem(err)
		}
		return out, nil
	})
}
