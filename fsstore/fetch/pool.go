package fetch

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"fromcache/fsstore"
)

// Options of a pool. The zero value of each field is its default.
type Options struct {
	Workers     int            // downloads at once; 0: 2
	Retries     int            // attempts before a job fails; 0: 8
	MaxSize     int64          // bytes of the largest artifact; 0: no limit
	AllowOrigin []netip.Prefix // addresses that are never refused
	Origins     fs.FS          // <host>: what that host needs; nil: none
	Root        fs.FS          // where the certificates are that a file of Origins names by a path from the root; nil: nowhere
	UserAgent   string         // "": fromcache
	Logger      *slog.Logger   // nil: discard

	Connect    time.Duration // to resolve and connect, and for the TLS handshake; 0: 10 s
	Header     time.Duration // to wait for an answer's header while other jobs wait for the worker, see request; 0: 60 s
	Idle       time.Duration // without a byte of the body; 0: 60 s
	Backoff    time.Duration // before the second attempt, doubled for each further one; 0: 30 s
	MaxBackoff time.Duration // where the doubling ends; 0: 1 h
	Interval   time.Duration // between looks at queue/ that nothing prompted; 0: 2 s
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(o.Workers, 2)
	o.Retries = cmp.Or(o.Retries, 8)
	o.UserAgent = cmp.Or(o.UserAgent, "fromcache")
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Connect = cmp.Or(o.Connect, 10*time.Second)
	o.Header = cmp.Or(o.Header, 60*time.Second)
	o.Idle = cmp.Or(o.Idle, 60*time.Second)
	o.Backoff = cmp.Or(o.Backoff, 30*time.Second)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, time.Hour)
	o.Interval = cmp.Or(o.Interval, 2*time.Second)
	return o
}

// Pool downloads what is in queue/.
type Pool struct {
	store *fsstore.Store
	o     Options
	log   *slog.Logger
	addr  addresses

	origins origins
	conns   hostConns   // connections by host
	wanted  atomic.Bool // a job waits for a worker

	proxy     func(*http.Request) (*url.URL, error)
	resolver  *net.Resolver // nil: the system's
	tls       *tls.Config   // nil: the system's roots
	poll      time.Duration // between looks whether a job is still ours
	heartbeat time.Duration // between signs that its worker lives

	paused atomic.Pointer[time.Time] // nothing is claimed before this time, on the monotonic clock
	said   sync.Map                  // name in queue/ to the last complaint about it: each is made once
}

// New returns a pool that works on s. It refuses files of origins that others than their owner and group could read, or others
// than their owner change, and lines that mean nothing; the error names the file and says what to do.
func New(s *fsstore.Store, o Options) (*Pool, error) {
	o = o.withDefaults()
	p := &Pool{
		store:     s,
		o:         o,
		log:       o.Logger,
		addr:      addresses{rules: rules, allow: o.AllowOrigin, local: ownAddresses},
		proxy:     http.ProxyFromEnvironment,
		poll:      500 * time.Millisecond, // a cancel is to be noticed within a second
		heartbeat: time.Minute,            // other hosts give it ten

		origins: origins{o.Origins, o.Root},
	}
	return p, p.origins.check()
}

// Run downloads until ctx ends, then puts what is under way back into queue/, with the parts that
// can be resumed. All its goroutines have ended when it returns, which is always nil.
func (p *Pool) Run(ctx context.Context) error {
	var workers errgroup.Group
	workers.SetLimit(p.o.Workers)
	wake := p.store.Watch(ctx, p.o.Interval, fsstore.Queue)
	for ok := true; ok; _, ok = <-wake {
		p.startDue(ctx, &workers)
	}
	return workers.Wait()
}

// startDue lists the jobs that are due and waits for a free worker for each. A job that somebody took
// meanwhile costs the worker one ENOENT.
func (p *Pool) startDue(ctx context.Context, workers *errgroup.Group) {
	if p.isPaused() ||
		p.store.Ill() || //guard:TestRunWithoutBlobs
		p.store.Short() {
		return
	}
	due, err := p.store.Due()
	if err != nil {
		p.pause("queue/ can't be listed", err)
		return
	}
	if len(due) == 0 {
		p.clearTrouble()
	}
	for _, name := range due {
		if ctx.Err() != nil || p.isPaused() {
			return
		}
		if p.conns.isWaiting(strings.TrimSuffix(name, ".job")) {
			continue
		}
		p.wanted.Store(true)
		workers.Go(func() error { // blocks while all are busy
			if ctx.Err() == nil {
				p.work(ctx, name)
			}
			return nil
		})
		p.wanted.Store(false)
	}
}

// work does what is to be done about queue/<name>, if anything.
func (p *Pool) work(ctx context.Context, name string) {
	c, err := p.store.Claim(name)
	if err != nil {
		p.claimFailed(name, err)
	}
	if c == nil {
		return
	}
	a := &attempt{Pool: p, c: c, began: time.Now()}
	p.finished(a.end(a.try(ctx)), name)
}

// claimFailed tells of a job that can't be claimed. Where that is the file's own trouble (another user's, in a sticky
// directory), the others go on.
func (p *Pool) claimFailed(name string, err error) {
	if diskTrouble(err) {
		p.pause("queue/"+name+" can't be claimed", err)
	} else if before, _ := p.said.Swap(name, err.Error()); before != err.Error() {
		p.log.Error("queue/"+name+" can't be claimed", "err", err)
	}
}

// diskTrouble reports whether an error will meet every job alike.
func diskTrouble(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ESTALE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// finished looks at what became of a claim. If its file could not be moved it is an orphan now, and recovery's.
func (p *Pool) finished(err error, name string) {
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		p.pause("the end of a job can't be written: "+name, err)
	} else if !p.isPaused() {
		p.clearTrouble()
	}
}

// pause stops the claiming until the next tick: what is wrong is the disk, and no job can go on. Where the whole directory
// is in trouble the store says so, and nothing is claimed until that is over.
func (p *Pool) pause(what string, err error) {
	until := time.Now().Add(p.o.Interval)
	p.paused.Store(&until)
	p.store.Trouble(troubleName, waiting, fmt.Errorf("%s: %w", what, err))
}

// clearTrouble ends what pause told.
func (p *Pool) clearTrouble() { p.store.Trouble(troubleName, waiting, nil) }

const (
	troubleName = "downloads"
	waiting     = "downloads wait in queue/, for files can't be written or opened: look at the disk and the number of open files; the log says more"
)

func (p *Pool) isPaused() bool {
	until := p.paused.Load()
	return until != nil && time.Until(*until) > 0
}
