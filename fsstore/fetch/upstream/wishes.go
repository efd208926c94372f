package upstream

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

const (
	// wishEvery is how often a URL is asked for above, as a wish that is noted there, while clients
	// go on to ask for it here.
	wishEvery = time.Minute
	// lookNew is how often an upstream is asked whether it holds by now what a client asked for in
	// the last minutes, lookOld how often what was asked for since, up to a day ago.
	lookNew, lookOld = 2 * time.Second, time.Minute
	isNew, tooOld    = 10 * time.Minute, 24 * time.Hour
	// syncWithin is for how long a replica says of what an upstream holds that it is coming, because a
	// sync brings it. Where none does, clients don't wait for it any more.
	syncWithin = 10 * time.Minute
	// maxRequests bounds the requests in a second, and maxWishes the memory. Past that a wish waits,
	// or is forgotten until a client asks again.
	maxRequests, maxWishes = 50, 10_000
	tick                   = 200 * time.Millisecond
)

// Wishes passes on to the upstreams what clients ask for here, and approves what an upstream holds
// if it follows them.
type Wishes struct {
	group  *Group
	store  *fsstore.Store
	follow bool
	log    *slog.Logger

	mu  sync.Mutex
	all map[string]*wish // by URL as it was asked for
}

// wish is a URL that is in misses/.
type wish struct {
	url   string
	via   []string  // the servers that the newest request came through
	asked time.Time // when a client asked last
	noted time.Time // when it was noted above; zero: never
	look  time.Time // when to ask above again

	said fsstore.Verdict // why no upstream holds it; "": that is not known
	held time.Time       // when an upstream was first found to hold it; zero: none does
}

// NewWishes returns the wishes of a store. With a group that is nil they are passed on to nobody.
func NewWishes(g *Group, s *fsstore.Store, follow bool, log *slog.Logger) *Wishes {
	return &Wishes{group: g, store: s, follow: follow, log: log, all: map[string]*wish{}}
}

// Add notes that a client asked for a URL that is a miss here, and the names of the servers that
// its request came through. It returns why no upstream held the URL when one was asked last, or ""
// if that is not known.
func (w *Wishes) Add(rawURL string, via []string) fsstore.Verdict {
	if w.group == nil {
		return ""
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.all[rawURL]
	if x == nil {
		if len(w.all) >= maxWishes {
			return ""
		}
		x = &wish{url: rawURL, look: now}
		w.all[strings.Clone(rawURL)] = x
	}
	if x.asked, x.via = now, via; now.Sub(x.noted) >= wishEvery {
		x.look = now
	}
	return x.said
}

// Run asks the upstreams until ctx ends. It begins with what is in misses/, which a client may have
// asked for before this server started; that is not noted above again.
func (w *Wishes) Run(ctx context.Context) error {
	if w.group == nil {
		return nil
	}
	if w.follow {
		w.addOld()
	}
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, s := range w.group.Servers {
				s.kept.Close()
			}
			return nil
		case <-beat.C:
			w.round(ctx)
		}
	}
}

// addOld adds what is in misses/.
func (w *Wishes) addOld() {
	jobs, err := w.store.Jobs(fsstore.Misses)
	if err != nil {
		w.log.Warn("misses/ can't be listed for --follow", "err", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range jobs {
		u := jobs[i].Job.FetchURL()
		if miss, ok := jobs[i].Job.Newest(job.Miss); ok && w.all[u] == nil && len(w.all) < maxWishes {
			w.all[u] = &wish{url: u, asked: miss.Time, noted: time.Now()}
		}
	}
}

// round asks for what is due, the longest due first.
func (w *Wishes) round(ctx context.Context) {
	now := time.Now()
	var due []*wish
	w.mu.Lock()
	for name, x := range w.all {
		switch {
		case now.Sub(x.asked) > tooOld:
			delete(w.all, name)
		case !x.look.After(now):
			due = append(due, x)
		}
	}
	w.mu.Unlock()
	slices.SortFunc(due, func(a, b *wish) int { return a.look.Compare(b.look) })
	var asking errgroup.Group
	asking.SetLimit(4)
	for _, x := range due[:min(len(due), int(maxRequests*tick/time.Second))] {
		asking.Go(func() error {
			w.ask(ctx, x)
			return nil
		})
	}
	asking.Wait() //nolint:errcheck // it is nil
}

// ask asks the upstreams for one wish that is in misses/ still.
func (w *Wishes) ask(ctx context.Context, x *wish) {
	now := time.Now()
	u, err := w.missOf(x.url)
	w.mu.Lock()
	if errors.Is(err, fs.ErrNotExist) {
		delete(w.all, x.url)
		w.mu.Unlock()
		return
	}
	url, via := x.url, x.via
	wanted := x.asked.After(x.noted) && now.Sub(x.noted) >= wishEvery
	w.mu.Unlock()
	holder, said := w.holder(ctx, url, wanted, via)
	if holder != nil && w.follow {
		w.approve(u, holder)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	x.said = said
	if holder == nil {
		x.held = time.Time{}
	} else if x.held.IsZero() {
		x.held = now
	}
	replica := w.store.Replica() != nil
	if replica && holder != nil && now.Sub(x.held) < syncWithin {
		x.said = fsstore.VerdictActive
	}
	if wanted {
		x.noted = now
	}
	switch {
	case !w.follow && !replica: // until a client asks again
		x.look = now.Add(tooOld)
	case now.Sub(x.asked) < isNew:
		x.look = now.Add(lookNew)
	default:
		x.look = now.Add(lookOld)
	}
}

// holder returns the first upstream that holds a URL, or nil and what the first one said that
// answered.
func (w *Wishes) holder(ctx context.Context, url string, wanted bool, via []string) (*Server,
	fsstore.Verdict) {
	var said fsstore.Verdict
	for _, s := range w.group.Servers {
		has, why, err := s.has(ctx, url, wanted, via)
		if err == nil && has {
			return s, ""
		}
		said = cmp.Or(said, why)
	}
	return nil, said
}

// missOf returns the URL of a miss. Its error is fs.ErrNotExist where there is none any more,
// because it was approved, dismissed or denied.
func (w *Wishes) missOf(rawURL string) (key.URL, error) {
	u, err := w.store.Parse(rawURL)
	if err != nil {
		return u, fs.ErrNotExist
	}
	if w.store.Replica() != nil { // it has no misses/, and each wish is one until a sync brings it
		if _, err := w.store.Lookup(rawURL); err == nil {
			return u, fs.ErrNotExist
		}
		return u, nil
	}
	_, err = w.store.JobFile(fsstore.Misses, u.Key())
	return u, err
}

// approve queues a miss because an upstream holds it, unless it is denied here, or an earlier job
// failed or was cancelled.
func (w *Wishes) approve(u key.URL, s *Server) {
	if w.store.DenialOf(u) != "" || w.store.Allowed.IsDecided(u) { //guard:cmd/fromcache.TestFollowAfterAFailure
		return
	}
	by := fsstore.Operator{Via: "upstream", Addr: s.Host()}
	err := w.store.Approve(u.Key(), job.URLSum(u.Whole()), by)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.log.Warn("what an upstream holds can't be approved", "key", u.Key(), "err", err)
	}
}
