package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/origins"
	"fromcache/fsstore/fetch/published"
	"fromcache/fsstore/fetch/upstream"
)

// Options of a pool. The zero value of each field is its default.
type Options struct {
	Workers     int            // downloads at once; 0: 2
	Retries     int            // attempts before a job fails; 0: 8
	MaxSize     int64          // bytes of the largest artifact; 0: no limit
	AllowOrigin []netip.Prefix // addresses that are never refused
	Origins     fs.FS          // a file <host> for what it needs; nil: none
	Root        fs.FS          // for absolute paths of certificates in Origins; nil: none
	UserAgent   string         // "": fromcache

	// Upstreams are asked before the origin, or instead of it. nil: none.
	Upstreams *upstream.Group

	Logger *slog.Logger // nil: discard

	// Check judges what has passed all other checks, before it is published: nil publishes it, a
	// *RejectedError fails the job, any other error is an attempt that failed. nil: no check.
	Check func(context.Context, Candidate) error

	// Ended is called at the end of each attempt, by as many goroutines as there are workers. nil:
	// nobody is told.
	Ended func(End)

	Connect    time.Duration // to resolve and connect, and again for TLS; 0: 10 s
	Header     time.Duration // for an answer's header, ten times that if no job waits; 0: 60 s
	Idle       time.Duration // without a byte of the body; 0: 60 s
	Backoff    time.Duration // before the second attempt, doubled for each further one; 0: 30 s
	MaxBackoff time.Duration // where the doubling ends; 0: 1 h
	Interval   time.Duration // between listings of queue/ without an event; 0: 2 s
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

	client *client.Client
	wanted atomic.Bool // a job waits for a worker

	poll      time.Duration // between checks that a job is still ours
	heartbeat time.Duration // between signs to other hosts that a worker lives

	paused     atomic.Pointer[time.Time] // nothing is claimed before this time
	complaints sync.Map                  // name in queue/ to the last error logged for it
}

// New returns a pool that works on s. It checks the files of Origins; the error names the one that
// can't be used and says what to do.
func New(s *fsstore.Store, o Options) (*Pool, error) {
	o = o.withDefaults()
	p := &Pool{
		store:     s,
		o:         o,
		log:       o.Logger,
		poll:      500 * time.Millisecond,
		heartbeat: time.Minute, // other hosts allow ten
	}
	p.client = &client.Client{
		Policy:    address.NewPolicy(o.AllowOrigin),
		Origins:   origins.Dir{Files: o.Origins, Root: o.Root},
		UserAgent: o.UserAgent,
		Connect:   o.Connect,
		Header:    o.Header,
		Wanted:    p.wanted.Load,
		Proxy:     http.ProxyFromEnvironment,
	}
	if s != nil {
		p.client.DeniedBy = s.DeniedBy
	}
	return p, p.client.Origins.Check()
}

// Head asks an origin what it has: see Client.Head. Where no origin may be asked it returns an error.
func (p *Pool) Head(ctx context.Context, raw, agent string) (client.Facts, error) {
	if p.o.Upstreams != nil && p.o.Upstreams.Only {
		return client.Facts{}, errUpstreamOnly
	}
	return p.client.Head(ctx, raw, agent)
}

// Published finds the digests that a site publishes beside a file: see published.Find.
func (p *Pool) Published(ctx context.Context, raw, agent string) published.Found {
	if p.o.Upstreams != nil && p.o.Upstreams.Only {
		return published.Found{Trouble: errUpstreamOnly.Error()}
	}
	return published.Find(ctx, p.client, raw, agent)
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

// startDue lists the jobs that are due and waits for a free worker for each. A job that was taken
// meanwhile costs the worker one ENOENT.
func (p *Pool) startDue(ctx context.Context, workers *errgroup.Group) {
	if p.isPaused() ||
		p.store.Ill() || //guard:TestRunWithoutBlobs
		p.store.NoSpace() {
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
		if p.client.IsWaiting(strings.TrimSuffix(name, ".job")) {
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

// work claims and ends queue/<name>, if it is still there.
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

// claimFailed reports a job that can't be claimed. Others go on unless the disk is in trouble,
// because the cause may be the file's own, such as its owner in a sticky directory.
func (p *Pool) claimFailed(name string, err error) {
	if diskTrouble(err) {
		p.pause("queue/"+name+" can't be claimed", err)
	} else if before, _ := p.complaints.Swap(name, err.Error()); before != err.Error() {
		p.log.Error("queue/"+name+" can't be claimed", "err", err)
	}
}

// diskTrouble reports whether every job will meet this error.
func diskTrouble(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT,
		syscall.EMFILE, syscall.ENFILE, syscall.ESTALE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// finished reports a claim whose file could not be moved. The file is an orphan then, and recovery
// moves it.
func (p *Pool) finished(err error, name string) {
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		p.pause("the end of a job can't be written: "+name, err)
	} else if !p.isPaused() {
		p.clearTrouble()
	}
}

// pause stops claiming until the next tick and reports what is wrong.
func (p *Pool) pause(what string, err error) {
	until := time.Now().Add(p.o.Interval)
	p.paused.Store(&until)
	p.store.SetTrouble(troubleName, waiting, fmt.Errorf("%s: %w", what, err))
}

// clearTrouble takes back what pause reported.
func (p *Pool) clearTrouble() { p.store.SetTrouble(troubleName, waiting, nil) }

const (
	troubleName = "downloads"
	waiting     = "downloads wait in queue/, for files can't be written or opened: look at the " +
		"disk and the number of open files; the log says more"
)

func (p *Pool) isPaused() bool {
	until := p.paused.Load()
	return until != nil && time.Until(*until) > 0
}
