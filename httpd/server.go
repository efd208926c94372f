package httpd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
	"fromcache/httpd/api"
	"fromcache/httpd/crowd"
	"fromcache/httpd/metrics"
	"fromcache/httpd/pages"
	"fromcache/httpd/read"
)

// Options of a server. The zero value of each field is its default.
type Options struct {
	Access        access.Options // who may use the pages; its Logger is this one
	Version       string         // for the foot of the pages
	Logger        *slog.Logger   // nil: discard
	TLS           *tls.Config    // what it takes connections by; nil: plain HTTP
	AccessLog     *slog.Logger   // a line a request: of /healthz, /metrics and /static/ at level debug, else info; nil: none
	DrainTimeout  time.Duration  // how long answers may take to finish after ctx ends; 0: 30 s
	HeaderTimeout time.Duration  // for a whole request head, and a form's body; 0: 15 s
	IdleTimeout   time.Duration  // between two requests of a connection; 0: 2 min
	StallTimeout  time.Duration  // a reader that takes nothing is cut off after one to two of these; 0: 60 s
	MaxHeld       int            // requests that wait at once for what is approved (Prefer: wait); 0: 5000
	BusyAt        int            // probes are told to come again while more connections wait; 0: 1000 a core
	// PlainHTTPServer has net/http answer every request; see front.Listener.
	PlainHTTPServer bool
	// RedirectMisses has the door redirect a miss to its origin; see read.Server.ByPrefix.
	RedirectMisses bool
	// TrustedProxies are the networks of the proxies whose X-Forwarded-For, -Proto and -Prefix count.
	TrustedProxies []netip.Prefix
	// Name is that of this server for other fromcaches; see read.Options.
	Name string
	// Missed is told of each miss that was noted; see read.Options.
	Missed func(rawURL string, via []string) fsstore.Verdict
	// WaitsFor returns the names of the servers that the job of a URL waits for; see read.Options.
	WaitsFor func(rawURL string) []string
	// Head asks an origin for the header of a URL, by an operator's wish; nil: nobody can ask.
	Head func(ctx context.Context, rawURL, agent string) (pages.OriginFacts, error)
	// Published finds the digests that a site publishes beside a file; nil: nobody can ask.
	Published func(ctx context.Context, rawURL, agent string) pages.Published

	MetricsApart bool                   // /metrics is answered by ServeMetrics alone
	Collectors   []prometheus.Collector // of metrics that this package does not know
}

func (o *Options) setDefaults() {
	orElse(&o.DrainTimeout, 30*time.Second)
	orElse(&o.HeaderTimeout, 15*time.Second)
	orElse(&o.IdleTimeout, 2*time.Minute)
	orElse(&o.StallTimeout, time.Minute)
	orElse(&o.MaxHeld, 5000)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Server answers for one store. It is an http.Handler; Serve adds what
// protects a listening socket.
type Server struct {
	store   *fsstore.Store
	opt     Options
	log     *slog.Logger
	read    *read.Server
	pages   *pages.Server
	api     *api.Server
	metrics *metrics.Server
	access  *slog.Logger // nil: requests are not logged
	router  *httprouter.Router
	full    atomic.Bool     // connections wait for room
	clients *crowd.Distinct // of the read path, by address
	shares  shares
	longest atomic.Int64 // that the kernel's queue of connections was

	stranger sync.Once // was told of: somebody who is no proxy of ours sent what proxies send
}

// New returns a server for s.
func New(s *fsstore.Store, o Options) (*Server, error) {
	o.setDefaults()
	o.Access.Logger = o.Logger
	guard := access.New(o.Access)
	p, err := pages.New(s, guard, pages.Options{Version: o.Version, Logger: o.Logger, Head: o.Head, Published: o.Published})
	if err != nil {
		return nil, err
	}
	m, err := metrics.New(s, p.View(), o.Version, o.Collectors...)
	if err != nil {
		return nil, err
	}
	a, err := api.New(s, guard, api.Options{Version: o.Version, Logger: o.Logger, View: p.View(), Head: apiHead(o.Head)})
	if err != nil {
		return nil, err
	}
	srv := &Server{clients: crowd.NewDistinct(time.Hour), store: s, opt: o, log: o.Logger, access: o.AccessLog, pages: p, api: a, metrics: m}
	srv.read = read.New(s, read.Options{
		Logger: o.Logger, Hit: p.Served, Told: srv.told, RedirectMisses: o.RedirectMisses,
		Name: o.Name, WaitsFor: o.WaitsFor, Missed: o.Missed,
		MaxHeld: min(o.MaxHeld, descriptorRoom()/8),
	})
	srv.router = srv.routes()
	return srv, nil
}

// apiHead is the pages' way to ask an origin, for the API.
func apiHead(head func(context.Context, string, string) (pages.OriginFacts, error)) func(context.Context, string, string) (api.OriginFacts, error) {
	if head == nil {
		return nil
	}
	return func(ctx context.Context, rawURL, agent string) (api.OriginFacts, error) {
		f, err := head(ctx, rawURL, agent)
		return api.OriginFacts(f), err
	}
}

// maxHeader has room for a URL of 8 KiB, percent-encoded in a query. net/http
// reads 4 KiB more than it is told: a header has 32 KiB at most.
const maxHeader = 28 << 10

// Serve answers on ln until ctx ends, then lets answers finish for
// DrainTimeout; a connection that it had accepted has a second to send its
// request. It closes ln. It returns nil after a drain, even one that had
// to cut answers short.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer s.beside(ctx)()
	defer context.AfterFunc(ctx, s.api.Stop)()
	defer context.AfterFunc(ctx, s.read.Stop)()
	hs := &http.Server{
		// One deadline for head and body: a body that never comes would hold
		// the connection otherwise. It ends when the request has been read.
		ReadHeaderTimeout:            s.opt.HeaderTimeout,
		ReadTimeout:                  s.opt.HeaderTimeout,
		IdleTimeout:                  s.opt.IdleTimeout, //guard:TestIdleConnection
		ConnContext:                  answer.WithConn,
		MaxHeaderBytes:               maxHeader, //guard:TestScripts
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(serverLog{s.log}, "", 0),
	}
	hs.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	limit := newConnLimit(answer.Listen(ln, s.opt.StallTimeout), descriptorRoom(), s.crowded)
	defer limit.reports.Wait()
	defer s.refuseWaiting(limit)() // a drain may hang, too
	limit.busy.mark, limit.busy.queue = s.busyAt(ln)
	limit.turned = func() { s.turnedAway(limit.busy.mark) }
	hs.Handler = s.handler(limit)
	hs.ConnState = limit.state
	first := s.front(ctx, limit)
	stop := context.AfterFunc(ctx, func() {
		_ = limit.Close()
		<-first.Below()
		limit.awaitRequests() //guard:TestWhoConnectedIsAnswered
		_ = first.Close()
	})
	err := s.serve(hs, first)
	if stop() {
		err = errors.Join(err, hs.Close())
		limit.cut()
		return err
	}
	s.drain(hs, limit)
	return nil
}

// Clients returns how many clients asked for artifacts within the last hour or two, as an estimate.
// Those behind one address are one.
func (s *Server) Clients() int { return s.clients.Count() }

// LongestQueue returns how many connections the kernel had queued at the most since it was called
// last, as far as that was seen.
func (s *Server) LongestQueue() int { return int(s.longest.Swap(0)) }

// busyAt returns how many connections may wait until probes are told to come again, and how many wait
// before they are accepted.
func (s *Server) busyAt(ln net.Listener) (mark int, queue func() (waiting, room int, known bool)) {
	queue = func() (waiting, room int, known bool) {
		waiting, room, known = answer.Queue(ln)
		s.longest.Store(max(s.longest.Load(), int64(waiting)))
		return waiting, room, known
	}
	return cmp.Or(s.opt.BusyAt, eachCore*runtime.GOMAXPROCS(0)), queue
}

func (s *Server) serve(hs *http.Server, ln net.Listener) error {
	if s.opt.TLS == nil {
		return hs.Serve(ln)
	}
	hs.TLSConfig = s.opt.TLS
	return hs.ServeTLS(ln, "", "")
}

// Crowded reports whether connections wait because no more open files are allowed.
func (s *Server) Crowded() bool { return s.full.Load() }

func (s *Server) crowded(err error) {
	s.full.Store(err != nil)
	s.store.SetTrouble("connections", "there are more connections than open files allow: those that wait longest without a request are cut; raise LimitNOFILE= or ulimit -n", err)
}

// beside starts what runs beside the answers, and returns the call that ends
// it. Streams end as soon as ctx does, or a drain would wait for them; what
// was counted until the last answer is handed to the store.
func (s *Server) beside(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.read.Run(ctx) })
	work.Go(func() { s.shares.run(ctx, s.store) })
	wait := s.pages.Start(ctx)
	return func() {
		cancel()
		wait()
		work.Wait()
		s.read.Flush()
		s.shares.flush(s.store)
	}
}
