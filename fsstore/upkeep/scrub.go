package upkeep

import (
	"context"
	"math/rand/v2"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/internal/tree"
)

// DefaultScrubRate is gentle to a disk that serves clients: 1 TB takes 14 h.
const DefaultScrubRate = 20 << 20

// ScrubOptions of a scrub. The zero value of each field is its default.
type ScrubOptions struct {
	Rate  int64            // bytes a second while nothing else happens; 0: DefaultScrubRate
	Pause time.Duration    // between two rounds; 0: 24 h
	Round func(FsckReport) // called after each round, whose Problems are Problems of the Store
}

// cantScrub is what Health tells; Problems and the log have the paths.
const cantScrub = "a part of blobs/ or meta/ can't be read, or is rotten and can't be taken out of service: " +
	"the list of artifacts and the log say which; look at dmesg, and mend the disk or the files' modes"

// againAfter: what could not be read is tried so often, not once a round.
const againAfter = time.Hour

// Scrub checks meta/ and reads every blob, round after round, until ctx ends, whose error it
// returns. Its rate is Rate while the server is idle and an eighth of it while artifacts are
// fetched or served. A blob that is not what its name says, twice in a row, is renamed to
// tmp/<digest>.rotten, where it stays until a person removes it; its artifacts are misses from
// then on, until a person has them fetched again. What can't be read is told, is a miss until it
// can be, and stays where it is: a bad cable says nothing of the bytes. Problems, Health and the log have what was found.
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
		for left := o.Pause; left > 0 && (err == nil || left == o.Pause); left -= againAfter {
			if !sleep(ctx, min(left, againAfter)) {
				return ctx.Err()
			}
			if err == nil {
				c.lookAgain() //guard:TestScrubTroubleIsOver
			}
		}
	}
}

// round looks at every meta, and then at every blob.
func (c *checker) round() error {
	for _, check := range checks[:2] {
		if err := c.walk(check.dir, check.of); err != nil {
			c.s.health.SetTrouble("scrub", cantScrub, err)
			return err
		}
	}
	c.settle()
	return nil
}

// lookAgain looks at what could not be read.
func (c *checker) lookAgain() {
	list := c.again
	c.again = nil
	for _, f := range list {
		delete(c.rotten, f.name)
		for _, check := range checks[:2] {
			if check.dir == f.dir {
				c.look(f.dir, f.name, check.of)
			}
		}
	}
	c.settle()
}

func (c *checker) settle() {
	if len(c.again) == 0 && c.ctx.Err() == nil {
		c.s.health.SetTrouble("scrub", cantScrub, nil)
	}
}

// pace holds a scrub back. A nil one holds nothing back.
type pace struct {
	s      *Keeper
	rate   int64
	began  time.Time // the last look at metas
	looked time.Time // for whether the server is busy
	hits   int64     // at that look
	busy   bool
}

// turn begins a list anywhere.
func (p *pace) turn(names []string) []string {
	if p == nil || len(names) == 0 {
		return names
	}
	p.began = time.Now()
	from := rand.IntN(len(names))
	return append(names[from:len(names):len(names)], names[:from]...)
}

// lookShare is how much of the time the look at metas may take of a processor, in tenths:
// 100,000 of them are read in 3 s, and so in 30.
const lookShare = 10

// rest follows the look at meta number i.
func (p *pace) rest(ctx context.Context, i int) {
	if p != nil && i%256 == 255 {
		sleep(ctx, (lookShare-1)*time.Since(p.began))
		p.began = time.Now()
	}
}

// read has the reading of n bytes, that began then, take its time. It reports whether ctx lives.
func (p *pace) read(ctx context.Context, n int, began time.Time) bool {
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

// isBusy looks once a second whether something is being fetched, or was served since the last
// look.
func (p *pace) isBusy() bool {
	if time.Since(p.looked) >= time.Second {
		hits := p.s.counts.PendingHits()
		n, err := p.s.spool.Count(tree.Active)
		p.busy = err != nil || n > 0 || hits != p.hits
		p.hits, p.looked = hits, time.Now()
	}
	return p.busy
}

// sleep reports whether ctx lives on.
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
