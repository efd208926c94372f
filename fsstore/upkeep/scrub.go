package upkeep

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/internal/tree"
)

// DefaultScrubRate is in bytes a second. At it 1 TB takes 14 h.
const DefaultScrubRate = 20 << 20

// ScrubOptions of a scrub. The zero value of each field is its default.
type ScrubOptions struct {
	Rate  int64            // bytes a second while nothing else happens; 0: DefaultScrubRate
	Pause time.Duration    // between two rounds; 0: 24 h
	Round func(FsckReport) // called after each round, whose Problems are Problems of the Store
}

// scrubTrouble is what Health says. Problems and the log have the paths.
const scrubTrouble = "a part of blobs/ or meta/ can't be read, or is rotten and can't be taken " +
	"out of service: the list of artifacts and the log say which; look at dmesg, and mend the " +
	"disk or the files' modes"

// retryAfter is how often Scrub tries what it could not read.
const retryAfter = time.Hour

// Scrub checks meta/ and reads every blob, round after round, until ctx ends, and returns the error
// of ctx. Its rate is Rate while the server is idle, and an eighth of that while artifacts are
// fetched or served.
//
// If two reads in a row show that the SHA-256 of a blob is not its name, Scrub renames it to
// tmp/<digest>.rotten, where it stays until a person removes it. Its artifacts are misses until a
// person has them fetched again. A blob that can't be read is a miss until it can be, and stays
// where it is, because the fault may be a cable's. Problems, Health and the log tell of all.
func (s *Keeper) Scrub(ctx context.Context, o ScrubOptions) error {
	if o.Rate <= 0 {
		o.Rate = DefaultScrubRate
	}
	if o.Pause <= 0 {
		o.Pause = 24 * time.Hour
	}
	s.scrub.begin(s.lastRound())
	for p := (&pace{s: s, rate: o.Rate}); ; {
		c := newChecker(ctx, s, FsckOptions{})
		c.pace = p
		err := c.round()
		if err == nil && ctx.Err() == nil {
			s.scrub.ended(tree.Now())
			s.counts.Stat(counts.StatScrubs, 1)
		}
		if o.Round != nil && err == nil {
			o.Round(c.r)
		}
		for left := o.Pause; left > 0 && (err == nil || left == o.Pause); left -= retryAfter {
			if !sleep(ctx, min(left, retryAfter)) {
				return ctx.Err()
			}
			if err == nil {
				c.retryUnread() //guard:TestScrubTroubleIsOver
			}
		}
	}
}

// round checks every meta, and then every blob.
func (c *checker) round() error {
	for _, check := range checks[:2] {
		if err := c.walkSlowly(check.dir, check.of); err != nil {
			c.s.health.SetTrouble("scrub", scrubTrouble, err)
			return err
		}
	}
	c.clearTrouble()
	return nil
}

// retryUnread checks again what could not be read.
func (c *checker) retryUnread() {
	list := c.unread
	c.unread = nil
	for _, f := range list {
		delete(c.rotten, f.name)
		for _, check := range checks[:2] {
			if check.dir == f.dir {
				c.checkName(f.dir, f.name, check.of)
			}
		}
	}
	c.clearTrouble()
}

// clearTrouble has Health say no more that something can't be read, once all of it could be.
func (c *checker) clearTrouble() {
	if len(c.unread) == 0 && c.ctx.Err() == nil {
		c.s.health.SetTrouble("scrub", scrubTrouble, nil)
	}
}

// pace slows a scrub down. A nil pace does not.
type pace struct {
	s      *Keeper
	rate   int64
	began  time.Time // when the checking of the newest 256 metas began
	looked time.Time // when isBusy looked last
	hits   int64     // that were pending then
	busy   bool
}

// walkSlowly checks the files of a directory one after the other. It begins anywhere in it, because
// a server that is restarted every day would otherwise never read the last blobs. It lists the
// directory three times instead of keeping a million names for days: what comes or goes meanwhile
// may be missed, or checked twice, which the next round makes good.
func (c *checker) walkSlowly(dir string, of []func(*checker, *file)) error {
	all := 0
	err := c.s.tree.EachAllNames(dir, func(names []string) error {
		all += len(names)
		return c.ctx.Err()
	})
	if err != nil || all == 0 {
		return err
	}
	from := rand.IntN(all)
	c.pace.began = time.Now()
	if err := c.walkPart(dir, of, from, math.MaxInt); err != nil {
		return err
	}
	return c.walkPart(dir, of, 0, from)
}

// walkPart checks those names of a directory that are listed from the one place up to the other.
func (c *checker) walkPart(dir string, of []func(*checker, *file), from, to int) error {
	at := 0
	err := c.s.tree.EachAllNames(dir, func(names []string) error {
		for _, name := range names {
			if at >= from && at < to {
				c.checkName(dir, name, of)
				if dir == "meta" {
					c.pace.restAfterMeta(c.ctx, at)
				}
			}
			if at++; at >= to {
				return errListed
			}
			if err := c.ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errListed) {
		return nil
	}
	return err
}

// errListed ends a listing early.
var errListed = errors.New("listed")

// metaShare is 10 if the checking of metas may take a tenth of a processor's time. 100,000 of them
// take 3 s, and so 30.
const metaShare = 10

// restAfterMeta sleeps after each 256 metas. i is the index of the one that was checked.
func (p *pace) restAfterMeta(ctx context.Context, i int) {
	if p != nil && i%256 == 255 {
		sleep(ctx, (metaShare-1)*time.Since(p.began))
		p.began = time.Now()
	}
}

// throttle sleeps until the reading of n bytes, which began at began, has taken as long as the rate
// says. It reports whether ctx is still live.
func (p *pace) throttle(ctx context.Context, n int, began time.Time) bool {
	if p == nil {
		return ctx.Err() == nil
	}
	p.s.counts.Stat(counts.StatScrubbed, int64(n))
	t := time.Duration(float64(n) / float64(p.rate) * float64(time.Second))
	if p.isBusy() {
		t *= 8 //guard:TestScrubKeepsItsRate
	}
	return sleep(ctx, t-time.Since(began))
}

// isBusy reports whether something is being fetched, or was served since it last looked. It looks
// once a second.
func (p *pace) isBusy() bool {
	if time.Since(p.looked) >= time.Second {
		hits := p.s.counts.PendingHits()
		n, err := p.s.spool.Count(tree.Active)
		p.busy = err != nil || n > 0 || hits != p.hits
		p.hits, p.looked = hits, time.Now()
	}
	return p.busy
}

// sleep waits for d or until ctx ends, and reports whether ctx is still live.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
