// Package pages is the operator's side of the cache-host: pages and their
// forms. Package live is the stream of changes that each open page listens to.
//
// To add a page: its route in Routes, its title in pages.go, what it shows in package show, its
// template in templates/pages.html, and in live/hints.go the directories whose changes it shows.
//
// Forms change the data directory by the store's verbs and by nothing else: each
// is the rename that a shell would do. The package knows of no worker.
//
// All is guarded in this order: what access.Guard lets in (Host, and the site that
// sent a form), the sign-in where there is a password, a cap on the form. No byte of
// a body is read before the first two have been judged by the header.
//
// Everything shown was chosen by strangers: URLs are redacted where they enter a
// page or a log line, and html/template escapes them.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
	"fromcache/httpd/live"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// Options of the pages. The zero value of each field is its default.
type Options struct {
	Version string       // for the foot of the pages
	Logger  *slog.Logger // nil: discard
	// Head asks an origin for the header of a URL, by an operator's wish; nil: nobody can ask.
	Head func(ctx context.Context, rawURL, agent string) (OriginFacts, error)
	// Published finds the digests that a site publishes beside a file; nil: nobody can ask.
	Published func(ctx context.Context, rawURL, agent string) Published
}

// Server answers the pages of one store.
type Server struct {
	screen
	opt   Options
	log   *slog.Logger
	view  *fsstore.View // what the pages show
	hub   *live.Hub
	undos undos
}

// New returns a server for s, behind g.
func New(s *fsstore.Store, g *access.Guard, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	parsed, err := templates.Parse(s.Replica() != nil)
	if err != nil {
		return nil, err
	}
	view := s.NewView()
	srv := &Server{opt: o, log: o.Logger, view: view, screen: screen{
		store: s, version: o.Version, pages: parsed, guard: g, model: show.New(s, view),
		errs: answer.NewLog(o.Logger, s.Faulty), flashes: g.Cookie(flashCookie, "flash", flashAge),
	}}
	srv.hub = live.New(srv.view, srv.header, srv.errs)
	return srv, nil
}

// Start begins to watch the store for open pages, until ctx ends; then it ends
// their streams. It must come before the first answer. wait waits for the end.
func (s *Server) Start(ctx context.Context) (wait func()) {
	var work sync.WaitGroup
	work.Go(func() { s.view.Run(ctx) })
	run := s.hub.Begin()
	work.Go(func() { run(ctx) })
	return work.Wait
}

// Served tells open pages that an artifact was hit.
func (s *Server) Served(string) { s.hub.Served() }

// View returns the picture of the directories that the pages show.
func (s *Server) View() *fsstore.View { return s.view }

// Streams returns how many pages are open and listen to changes.
func (s *Server) Streams() int { return s.hub.Streams() }

// Routes returns every address of the pages.
func (s *Server) Routes() []answer.Route {
	return append([]answer.Route{
		{Methods: "GET HEAD", Path: "/", Handle: s.page(s.showAll)},
		{Methods: "GET HEAD", Path: "/misses", Handle: s.page(s.showMisses)},
		{Methods: "GET HEAD", Path: "/downloads", Handle: s.page(s.showDownloads)},
		{Methods: "GET HEAD", Path: "/artifacts", Handle: s.page(s.showArtifacts)},
		{Methods: "GET HEAD", Path: "/artifacts/:key", Handle: s.page(s.showArtifact)},
		{Methods: "GET HEAD", Path: "/job", Handle: s.page(s.showJob)},
		{Methods: "GET HEAD", Path: "/add", Handle: s.page(s.showAdd)},
		{Methods: "GET HEAD", Path: "/stats", Handle: s.page(reports{&s.screen}.page)},
		{Methods: "GET HEAD", Path: "/stats.csv", Handle: s.page(reports{&s.screen}.csv)},
		{Methods: "GET HEAD", Path: "/search", Handle: s.page(s.search)},
		{Methods: "GET HEAD", Path: "/rules", Handle: s.page(s.showRules)},
		{Methods: "GET HEAD", Path: "/events", Handle: s.page(s.events)},
		{Methods: "GET HEAD", Path: "/ui/login", Handle: s.public(s.showLogin)},
		{Methods: "GET HEAD", Path: "/static/*name", Handle: s.static},

		{Methods: "POST", Path: "/ui/login", Handle: s.public(s.login)},
		{Methods: "POST", Path: "/ui/logout", Handle: s.public(s.logout)},
	}, s.verbs()...)
}

// events answers with the stream of hints that a page keeps open.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	return s.hub.Events(w, r, func(r *http.Request) bool { return s.guard.Visitor(r).Read })
}
