package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch"
	"fromcache/fsstore/fetch/upstream"
	"fromcache/fsstore/hooks"
	"fromcache/httpd"
	"fromcache/httpd/access"
	"fromcache/httpd/pages"
)

// serveFlags is everything that serve can be told, save for the store.
type serveFlags struct {
	host                 string
	port                 port
	workers, retries     int
	maxMisses            int
	busyAt               uint
	history              span
	minFree, maxSize     size
	scrubRate            size
	origins, credentials string
	headerTimeout        span
	allowOrigin          []netip.Prefix
	publicHosts          []string
	trustedProxies       []netip.Prefix
	upstreams            []string
	upstreamCredentials  string
	upstreamOnly         bool
	follow               bool
	redirectMisses       bool
	plainHTTPServer      bool
	tlsCert, tlsKey      string
	logFormat, logLevel  string
	accessLog            string
	metricsListen        string
	hooks                string
	hookTimeout          span
	replica              bool
}

const serveLong = `Answer clients, show the operator's pages, and fetch what was approved.

The data directory is made where there is none. It may be a link or a mount, but what is in it is
one file system. A program called fromcache-server is fromcache serve.

A SIZE is a number and KiB MiB GiB TiB, or KB MB GB TB in powers of ten. A SPAN is a number and
d h m s. fromcache help environment lists the variables that serve reads: set a password for the
pages with FROMCACHE_ADMIN_PASSWORD.

At a SIGTERM answers get 30 s to end, and downloads go back to queue/ with what they have. A second
signal ends the server at once; nothing is lost by that.`

func serveCommand(a *app) *cobra.Command {
	o := &serveFlags{
		history: span(fsstore.DefaultHistory), minFree: defaultMinFree,
		scrubRate: fsstore.DefaultScrubRate, headerTimeout: span(time.Minute),
		hookTimeout: span(10 * time.Minute),
	}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Answer clients, show the operator's pages, fetch what was approved",
		Long:  serveLong,
		Args:  operands(0, 0),
	}
	own := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	o.add(own)
	c.Flags().SortFlags = false
	c.Flags().AddFlagSet(own)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := setFromVariables(own, a.getenv); err != nil {
			return err
		}
		return a.serveUntilSignal(c.Context(), o)
	}
	must(c.MarkFlagFilename("tls-cert"))
	must(c.MarkFlagFilename("tls-key"))
	must(c.MarkFlagDirname("origins"))
	must(c.MarkFlagDirname("credentials"))
	must(c.MarkFlagDirname("upstream-credentials"))
	must(c.MarkFlagDirname("hooks"))
	must(c.RegisterFlagCompletionFunc("access-log", completeWords("on", "off")))
	must(c.RegisterFlagCompletionFunc("log-format", completeWords("text", "json")))
	must(c.RegisterFlagCompletionFunc("log-level", completeWords("debug", "info", "warn", "error")))
	return c
}

func (o *serveFlags) add(f *pflag.FlagSet) {
	f.StringVar(&o.host, "host", "", "listen on `ADDR` only (default all addresses)")
	o.port = defaultPort
	f.Var(&o.port, "port", "listen on `PORT`; 0 is any free one")
	f.IntVar(&o.workers, "workers", 2, "download `N` artifacts at a time")
	f.IntVar(&o.retries, "retries", 8, "give a job up after `N` attempts in a row that brought nothing")
	f.IntVar(&o.maxMisses, "max-misses", fsstore.DefaultMaxMisses,
		"record at most `N` misses; one client may fill a tenth of them")
	f.UintVar(&o.busyAt, "busy-at", 0,
		"tell clients that only ask whether a URL is held to come again (503) while more than `N` connections wait; 0: 5000 a core")
	f.Var(&o.history, "history", "keep jobs in done/ and cancelled/ for this `SPAN`")
	f.Var(&o.minFree, "min-free", "a download that would leave less than this `SIZE` free waits; 0 or off: no reserve")
	f.Var(&o.maxSize, "max-artifact-size", "fail what is larger than this `SIZE`")
	f.Var(&o.scrubRate, "scrub-rate",
		"check every blob, at the start and a day after each round, at this `SIZE` a second, an eighth of it while there is other work; 0 or off: never")
	f.StringVar(&o.origins, "origins", "",
		"`DIR` of what origins need, a file a host, outside the data directory: fromcache help origins")
	f.StringVar(&o.credentials, "credentials", "", "`DIR`: the older name of --origins")
	f.Var(&o.headerTimeout, "header-timeout",
		"give an origin up that does not begin to answer for this `SPAN` while other jobs wait, or for ten times as long while none do")
	f.Func("allow-origin", "let origins be in this `CIDR` although it is refused by default; may be repeated",
		addPrefixes(&o.allowOrigin))
	f.Func("upstream", "ask the fromcache at this `URL` before an origin; may be repeated: fromcache help upstream",
		addURLs(&o.upstreams))
	f.StringVar(&o.upstreamCredentials, "upstream-credentials", "",
		"`DIR` of what upstreams need, a file a host as for --origins, outside the data directory")
	f.BoolVar(&o.upstreamOnly, "upstream-only", false, "ask no origin: what no upstream holds waits in queue/")
	f.BoolVar(&o.follow, "follow", false, "approve by itself what an upstream holds")
	f.Func("public-host", "a `NAME` by which browsers reach the pages while no password is set; may be repeated",
		addHosts(&o.publicHosts))
	f.Func("trusted-proxy", "believe X-Forwarded-For, -Proto and -Prefix of proxies in this `CIDR`; may be repeated: fromcache help proxy",
		addPrefixes(&o.trustedProxies))
	f.StringVar(&o.hooks, "hooks", "",
		"`DIR` of programs to run when something happens, outside the data directory: fromcache help hooks")
	f.Var(&o.hookTimeout, "hook-timeout", "kill such a program after this `SPAN`")
	f.BoolVar(&o.redirectMisses, "redirect-misses", false,
		"redirect clients that put the cache before a URL to the origin where it is not held: fromcache help clients")
	f.BoolVar(&o.plainHTTPServer, "plain-http-server", false,
		"have Go's HTTP server answer hits and misses too, not only the rest; slower, the same answers")
	f.BoolVar(&o.replica, "replica", false,
		"only read the data directory, a copy or a mount of another server's: serve what is held, fetch and write nothing: fromcache help backup")
	f.StringVar(&o.tlsCert, "tls-cert", "", "answer over TLS by this certificate: PEM `FILE`, with those that lead to its CA")
	f.StringVar(&o.tlsKey, "tls-key", "", "`FILE` with its key in PEM; both are read again when they change")
	f.StringVar(&o.logFormat, "log-format", "text", "log as `FORMAT`, text or json, to standard error")
	f.StringVar(&o.logLevel, "log-level", "info", "log from `LEVEL` on: debug, info, warn or error")
	f.StringVar(&o.accessLog, "access-log", "on", "log a line a request at level info: `on` or off")
	f.StringVar(&o.metricsListen, "metrics-listen", "",
		"answer /metrics on `ADDR`, as in 127.0.0.1:9333, and not on the port of all else: fromcache help metrics")
}

// serveUntilSignal ends orderly at the first SIGINT or SIGTERM. A second one kills the process,
// because by then the signals have their default action again. A kill loses nothing but the time
// that resumed downloads take.
func (a *app) serveUntilSignal(ctx context.Context, o *serveFlags) error {
	log, err := a.logger(o)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	forget := context.AfterFunc(ctx, func() {
		stop()
		tellManager(log, daemon.SdNotifyStopping, "STATUS=answers end, downloads go back to queue/")
		log.Info("stopping: answers end within 30 s, downloads go back to queue/; a second signal ends it at once")
	})
	defer forget()
	return a.serveUntil(ctx, o, log)
}

// serveUntil opens everything, and runs it until ctx ends. It listens first, so that clients that
// ask while a large tree is opened wait for the answer instead of being refused.
func (a *app) serveUntil(ctx context.Context, o *serveFlags, log *slog.Logger) error {
	options, err := a.serveOptions(o, log)
	if err != nil {
		return err
	}
	password, err := adminPassword(a.getenv)
	if err != nil {
		return err
	}
	certificate, err := newCertificate(o, log)
	if err != nil {
		return err
	}
	defer collectLess()()
	listener, err := listen(ctx, o)
	if err != nil {
		return err
	}
	defer listener.Close()
	forMetrics, err := listenMetrics(ctx, o)
	if err != nil {
		return err
	}
	requests, buffer, err := a.accessLog(o, log)
	if err != nil {
		return err
	}
	defer buffer.start()()
	tellManager(log, "STATUS=opening "+a.store.dir)
	store, err := fsstore.Open(a.store.dir, options)
	if err == nil && !o.replica {
		err = refuseUnfit(a.store.dir, log)
	}
	if err != nil {
		return err
	}
	secret, err := sessionSecret(a.getenv, store)
	if err != nil {
		return err
	}
	name, err := store.Name() // makes a secret where there is none, so that one of the environment is judged first
	if err != nil {
		return err
	}
	hooks, err := newHooks(store, o, log)
	if err != nil {
		return err
	}
	fetches := newFetchMetrics()
	upstreams, err := newUpstreams(store, o, name)
	if err != nil {
		return err
	}
	var pool *fetch.Pool // of a replica nil
	if !o.replica {
		if pool, err = a.newPool(store, o, hooks, upstreams, fetches.ended, log); err != nil {
			return err
		}
	}
	wishes := upstream.NewWishes(upstreams, store, o.follow, log)
	server, err := newServer(store, o, pool, log, httpd.Options{
		Access: access.Options{Password: password, SessionSecret: secret},
		TLS:    certificate.config(), AccessLog: requests, MetricsApart: forMetrics != nil, Collectors: fetches.collectors(),
		Name: name, WaitsFor: upstreams.WaitsFor, Missed: wishes.Add,
	})
	if err != nil {
		return err
	}
	work := []func(context.Context) error{
		wishes.Run,
		func(ctx context.Context) error { return server.Serve(ctx, listener) },
		(&backlog{socket: listener, clients: server.Clients, longest: server.LongestQueue, tell: store.SetTrouble}).run,
		func(ctx context.Context) error {
			urls := localURLs(listener.Addr(), certificate.scheme())
			return watchdog(ctx, log, answersItself(urls, server.Crowded))
		},
		func(ctx context.Context) error {
			return certificate.watch(ctx, log, func(err error) { store.SetTrouble("certificate", certificateTrouble, err) })
		},
	}
	if pool != nil {
		work = append(work, pool.Run)
	}
	if forMetrics != nil {
		work = append(work, func(ctx context.Context) error { return server.ServeMetrics(ctx, forMetrics) })
	}
	if hooks != nil {
		work = append(work, hooks.Run)
	}
	if o.scrubRate > 0 && !o.replica {
		work = append(work, func(ctx context.Context) error {
			return store.Scrub(ctx, fsstore.ScrubOptions{Rate: int64(o.scrubRate)})
		})
	}
	if !o.replica {
		store.Hosts.Announce(localURLs(listener.Addr(), certificate.scheme()))
	}
	announce(browserURL(ctx, listener.Addr(), certificate.scheme()), listener.Addr(), store, password != "", log)
	if forMetrics != nil {
		log.Info("metrics have a port of their own", "metrics", "http://"+forMetrics.Addr().String()+"/metrics")
	}
	return errors.Join(runAll(ctx, store.Run, work), store.Close())
}

// announce says in the log, and to the service manager, that clients get answers from now on.
func announce(url string, addr net.Addr, store *fsstore.Store, hasPassword bool, log *slog.Logger) {
	log.Info("serving", "addr", addr.String(), "data", store.Dir(), "version", versionName(), "url", url)
	if r := store.Replica(); r != nil {
		log.Info("this is a replica: it fetches and writes nothing, and hits are counted in memory alone", "of", r.Of)
	} else if !hasPassword {
		log.Warn("no FROMCACHE_ADMIN_PASSWORD is set: whoever reaches this port may approve, cancel and evict")
	}
	tellManager(log, daemon.SdNotifyReady, "STATUS=serving "+url)
}

func (a *app) serveOptions(o *serveFlags, log *slog.Logger) (fsstore.Options, error) {
	for name, n := range map[string]int{"workers": o.workers, "retries": o.retries, "max-misses": o.maxMisses} {
		if n < 1 {
			return fsstore.Options{}, usagef("--%s %d: give 1 or more", name, n)
		}
	}
	if o.replica && (o.follow || o.upstreamOnly) {
		return fsstore.Options{}, usagef("--follow and --upstream-only are not for a --replica, which fetches nothing: fromcache sync brings what the main server holds")
	}
	if o.replica && o.hooks != "" {
		return fsstore.Options{}, usagef("--hooks is not for a --replica, in which nothing happens: leave one out")
	}
	rule, err := a.rule()
	return fsstore.Options{
		Rule: rule, MaxMisses: o.maxMisses, History: time.Duration(o.history), MinFree: int64(o.minFree), Logger: log,
		Replica: o.replica, Main: mainServer(o),
	}, err
}

// runAll runs the parts of the server until ctx ends, or one fails, and returns the first error. The
// store's upkeep ends last, because it writes the hits and jobs of the others' last moment.
func runAll(ctx context.Context, upkeep func(context.Context) error, work []func(context.Context) error) error {
	upkeepCtx, endUpkeep := context.WithCancel(context.WithoutCancel(ctx))
	defer endUpkeep()
	all, ctx := errgroup.WithContext(ctx)
	run := func(ctx context.Context, part func(context.Context) error) {
		all.Go(func() error {
			if err := part(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}
	var working sync.WaitGroup
	for _, part := range work {
		working.Add(1)
		run(ctx, func(ctx context.Context) error { defer working.Done(); return part(ctx) })
	}
	run(upkeepCtx, upkeep)
	working.Wait()
	endUpkeep()
	return all.Wait()
}

// newHooks returns nil where no hooks are wanted.
func newHooks(store *fsstore.Store, o *serveFlags, log *slog.Logger) (*hooks.Hooks, error) {
	if o.hooks == "" {
		return nil, nil
	}
	dir, err := outside("--hooks", o.hooks, store.Dir())
	if err != nil {
		return nil, err
	}
	return hooks.New(store, hooks.Options{Dir: dir, Timeout: time.Duration(o.hookTimeout), Logger: log})
}

func (a *app) newPool(store *fsstore.Store, o *serveFlags, h *hooks.Hooks, up *upstream.Group, ended func(fetch.End), log *slog.Logger) (*fetch.Pool, error) {
	if o.origins != "" && o.credentials != "" && o.origins != o.credentials {
		return nil, usagef("--credentials is the older name of --origins: give one of them")
	}
	origins, err := openOrigins("--origins", cmp.Or(o.origins, o.credentials), store.Dir())
	if origins == nil && err == nil {
		origins, err = openOriginsCredential(a.getenv("CREDENTIALS_DIRECTORY"))
	}
	if err != nil {
		return nil, err
	}
	var check func(context.Context, fetch.Candidate) error
	if h != nil {
		check = h.Check
	}
	return fetch.New(store, fetch.Options{
		Workers:     o.workers,
		Retries:     o.retries,
		MaxSize:     int64(o.maxSize),
		AllowOrigin: o.allowOrigin,
		Origins:     origins,
		Upstreams:   up,
		Root:        os.DirFS("/"),
		Header:      time.Duration(o.headerTimeout),
		UserAgent:   "fromcache/" + versionName(),
		Logger:      log,
		Check:       check,
		Ended:       ended,
	})
}

// openOrigins returns the directory of a flag as a file system that no link leads out of.
func openOrigins(flag, dir, dataDir string) (fs.FS, error) {
	if dir == "" {
		return nil, nil
	}
	real, err := outside(flag, dir, dataDir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return root.FS(), nil
}

// outside returns the path of a directory, without links. It refuses one inside the data directory,
// because operators write there and backups copy it.
func outside(flag, dir, dataDir string) (string, error) {
	real, err := filepath.Abs(dir)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	data, err := filepath.EvalSymlinks(dataDir)
	if err != nil {
		return "", err
	}
	if real == data || strings.HasPrefix(real, data+string(filepath.Separator)) {
		return "", fmt.Errorf("%s %s is inside the data directory %s: keep it elsewhere, where operators and backups don't read it",
			flag, dir, dataDir)
	}
	return real, nil
}

func newServer(store *fsstore.Store, o *serveFlags, pool *fetch.Pool, log *slog.Logger, to httpd.Options) (*httpd.Server, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	to.Access.PublicHosts, to.Access.Hostname = o.publicHosts, hostname
	to.Version = versionName()
	to.Logger = log
	to.RedirectMisses = o.redirectMisses
	to.PlainHTTPServer = o.plainHTTPServer
	to.BusyAt = int(o.busyAt)
	to.TrustedProxies = o.trustedProxies
	if pool == nil {
		return httpd.New(store, to)
	}
	to.Head = func(ctx context.Context, rawURL, agent string) (pages.OriginFacts, error) {
		f, err := pool.Head(ctx, rawURL, agent)
		return pages.OriginFacts(f), err
	}
	to.Published = func(ctx context.Context, rawURL, agent string) pages.Published {
		f := pool.Published(ctx, rawURL, agent)
		p := pages.Published{Agreed: f.Agreed(), Signatures: f.Signatures, Trouble: f.Trouble}
		for _, d := range f.Digests {
			p.Digests = append(p.Digests, pages.PublishedDigest(d))
		}
		return p
	}
	return httpd.New(store, to)
}

// sessionSecret returns FROMCACHE_SESSION_SECRET, else the one of the data directory. A short one
// is refused: whoever guesses it can make cookies, and so try passwords as fast as the server
// answers.
func sessionSecret(getenv func(string) string, store *fsstore.Store) ([]byte, error) {
	const least = 32
	secret := strings.TrimSpace(getenv("FROMCACHE_SESSION_SECRET"))
	switch {
	case secret == "":
		return store.SessionSecret()
	case len(secret) < least:
		return nil, fmt.Errorf("FROMCACHE_SESSION_SECRET has %d bytes, and a key at least %d random ones: openssl rand -hex 32 makes one",
			len(secret), least)
	}
	return []byte(secret), nil
}

// adminPassword returns FROMCACHE_ADMIN_PASSWORD, else the first line of FROMCACHE_ADMIN_PASSWORD_FILE.
// A file that is named and holds none is an error, because without a password the pages are open to
// all.
func adminPassword(getenv func(string) string) (string, error) {
	if p := getenv("FROMCACHE_ADMIN_PASSWORD"); p != "" {
		return p, nil
	}
	path := getenv("FROMCACHE_ADMIN_PASSWORD_FILE")
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("FROMCACHE_ADMIN_PASSWORD_FILE: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("FROMCACHE_ADMIN_PASSWORD_FILE: the first line of %s is empty: write the password there", path)
	}
	return line, nil
}
