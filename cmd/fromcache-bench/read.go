package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// contest is two servers, a client for each, and what each is asked in turn.
type contest struct {
	ours, theirs *side
	pairs        int
	round        time.Duration // of one server
}

type side struct {
	*server
	*client
	requests []*request
}

// newContest starts both servers on a data directory, with a client of so many connections for each. end stops them.
func (b *bench) newContest(ctx context.Context, data string, width int) (c *contest, end func(), err error) {
	c = &contest{pairs: choose(b, 11, 5), round: choose(b, time.Second, 400*time.Millisecond)}
	ours, err := b.serve(ctx, data)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := b.startNginx(ctx, data)
	if err != nil {
		ours.stop()
		return nil, nil, err
	}
	c.ours, c.theirs = &side{server: ours}, &side{server: theirs}
	if err := c.dial(width); err != nil {
		c.end()
		return nil, nil, err
	}
	return c, c.end, nil
}

func (c *contest) dial(width int) (err error) {
	if c.ours.client, err = dial(c.ours.port, width); err != nil {
		return err
	}
	c.theirs.client, err = dial(c.theirs.port, width)
	return err
}

func (c *contest) end() {
	for _, s := range []*side{c.ours, c.theirs} {
		if s.client != nil {
			s.client.close()
		}
		s.server.stop()
	}
}

// holding asks both for the same artifacts.
func (c *contest) holding(method string, artifacts []held) {
	for _, a := range artifacts {
		c.ours.requests = append(c.ours.requests, ask(method, tokenPath(a.url), c.ours.port, 200, a.size, a.digest))
		c.theirs.requests = append(c.theirs.requests, ask(method, "/blobs/"+a.digest, c.theirs.port, 200, a.size, a.digest))
	}
}

// verify checks every request's answer once, bytes and all.
func (c *contest) verify() error {
	for _, s := range []*side{c.ours, c.theirs} {
		for _, r := range s.requests {
			if _, err := s.client.verify(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// play runs the rounds.
func (c *contest) play(ctx context.Context) ([]pair, error) {
	if err := c.verify(); err != nil {
		return nil, err
	}
	warm := *c
	warm.round /= 4
	if _, err := alternate(ctx, 1, warm.turn(warm.ours), warm.turn(warm.theirs)); err != nil {
		return nil, err
	}
	pairs, err := alternate(ctx, c.pairs, c.turn(c.ours), c.turn(c.theirs))
	if err != nil {
		return nil, err
	}
	return pairs, c.verify()
}

// turn is one round of one server.
func (c *contest) turn(s *side) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		return s.timed(func() (int, time.Duration, error) {
			return s.drive(ctx, until(c.round, s.requests))
		})
	}
}

// until gives the requests in turn for a while. It looks at the clock every 16th time.
func until(round time.Duration, requests []*request) func() *request {
	i, end := 0, time.Now().Add(round)
	return func() *request {
		i++
		if i%16 == 0 && time.Now().After(end) {
			requests = nil
		}
		if len(requests) == 0 {
			return nil
		}
		return requests[i%len(requests)]
	}
}

// smallArtifacts is how many artifacts of 64 KiB are asked for in turn.
const smallArtifacts = 64

func head(ctx context.Context, b *bench) error {
	return b.small(ctx, "head", "HEAD", target{hold: 0.6, aim: 0.7}, b.alone)
}

func get64k(ctx context.Context, b *bench) error {
	return b.small(ctx, "get64k", "GET", target{hold: 0.75, aim: 0.9}, nil)
}

// small compares artifacts of 64 KiB; after, if any, goes on with the contest.
func (b *bench) small(ctx context.Context, name, method string, t target, after func(context.Context, *contest) error) error {
	data, artifacts, err := b.dataDir(name, smallArtifacts, 64<<10)
	if err != nil {
		return err
	}
	c, end, err := b.newContest(ctx, data, connections)
	if err != nil {
		return err
	}
	defer end()
	c.holding(method, artifacts)
	pairs, err := c.play(ctx)
	if err != nil {
		return err
	}
	b.rates(name, "nginx", pairs, t)
	if after == nil {
		return nil
	}
	return after(ctx, c)
}

// cpu compares server CPU for a gigabyte, sent from one large artifact on one connection.
func cpu(ctx context.Context, b *bench) error {
	const size, times = 256 << 20, 4
	data, artifacts, err := b.dataDir("cpu", 1, size)
	if err != nil {
		return err
	}
	c, end, err := b.newContest(ctx, data, 1)
	if err != nil {
		return err
	}
	defer end()
	c.holding("GET", artifacts)
	if err := c.verify(); err != nil {
		return err
	}
	turn := func(s *side) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) {
			return s.timed(func() (int, time.Duration, error) {
				_, took, err := s.drive(ctx, repeat(times, s.requests[0]))
				return 1, took, err
			})
		}
	}
	pairs, err := alternate(ctx, choose(b, 15, 5), turn(c.ours), turn(c.theirs))
	if err != nil {
		return err
	}
	inSeconds := func(v float64) string { return fmt.Sprintf("%.3f s", v) }
	b.columns("cpu", "fromcache", "nginx")
	b.compare("CPU/GiB", pairs, inSeconds, func(s sample) float64 { return s.cpu }, &target{hold: 1.3, aim: 1.15, less: true})
	b.compare("GiB/s", pairs, func(v float64) string { return fmt.Sprintf("%.2f", v) }, func(s sample) float64 { return s.rate }, nil)
	return nil
}

func repeat(n int, r *request) func() *request {
	return func() *request {
		n--
		if n < 0 {
			return nil
		}
		return r
	}
}

// miss compares what is not held and noted already with what is not there. Each connection comes from an address of its own,
// so that every miss is one that the cache-host notes and none is over a client's rate.
func miss(ctx context.Context, b *bench) error {
	data, _, err := b.dataDir("miss", 1, 1)
	if err != nil {
		return err
	}
	c, end, err := b.newContest(ctx, data, connections)
	if err != nil {
		return err
	}
	defer end()
	for i := range smallArtifacts {
		c.ours.requests = append(c.ours.requests, ask("HEAD", tokenPath(originURL(1000+i)), c.ours.port, 404, -1, ""))
		c.theirs.requests = append(c.theirs.requests, ask("HEAD", fmt.Sprintf("/blobs/%064x", i), c.theirs.port, 404, -1, ""))
	}
	pairs, err := c.play(ctx)
	if err != nil {
		return err
	}
	for _, r := range c.ours.requests {
		if err := c.ours.noted(r); err != nil {
			return err
		}
	}
	b.rates("miss", "nginx 404", pairs, target{hold: 0.3, aim: 0.4})
	return nil
}

// noted checks that a miss was noted, and not only answered.
func (s *side) noted(r *request) error {
	header, err := s.client.verify(r)
	if err == nil && !strings.Contains(header, "detail=uri-miss\r\n") {
		err = fmt.Errorf("a miss was not noted: %s", header)
	}
	return err
}
