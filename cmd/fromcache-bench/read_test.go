package bench

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// contest is servers that are asked in turn: ours, nginx, and beside them others.
type contest struct {
	ours, theirs *side
	others       []*side // the binary of -old, Varnish and Squid, as far as they are there
}

type side struct {
	*server
	name  string
	asked []answer
	turn  int // of ab, which asks for one of them a round
}

// newDuel starts ours and nginx on a data directory.
func newDuel(b *testing.B, data string) *contest {
	return &contest{ours: &side{server: serve(b, data)}, theirs: &side{server: startNginx(b, data)}}
}

// newContest is newDuel with the others.
func newContest(b *testing.B, data string) *contest {
	c := newDuel(b, data)
	c.others = startOthers(b, data, c.theirs.addr)
	return c
}

// ask has each server be asked for what is ours and theirs.
func (c *contest) ask(ours, theirs answer) {
	c.ours.asked, c.theirs.asked = append(c.ours.asked, ours), append(c.theirs.asked, theirs)
	for _, s := range c.others {
		if s.name == beforeName {
			s.asked = append(s.asked, ours)
		} else {
			s.asked = append(s.asked, theirs)
		}
	}
}

// holding has all be asked for artifacts, whose bytes are compared first.
func (c *contest) holding(b *testing.B, artifacts []held) {
	for _, a := range artifacts {
		c.ask(answer{testbed.TokenPath(a.url), http.StatusOK}, answer{"/blobs/" + a.digest, http.StatusOK})
		for _, s := range append([]*side{c.ours, c.theirs}, c.others...) {
			s.verify(b, s.asked[len(s.asked)-1], a.size, a.digest)
		}
	}
}

// play lets them take turns, and prints each one's comparison with nginx.
func (c *contest) play(b *testing.B, name, theirs string, t target, turn func(*side) load) {
	sides := append([]*side{c.ours, c.theirs}, c.others...)
	servers := make([]func() sample, len(sides))
	for i, s := range sides {
		servers[i] = func() sample { return s.timed(b, func() load { return turn(s) }) }
		servers[i]() // what a server does once it has done now
	}
	rounds := turns(choose(11, 5), servers...)
	for i, s := range sides {
		pairs := make([]pair, len(rounds))
		for r, round := range rounds {
			pairs[r] = pair{round[i], round[1]}
		}
		switch {
		case i == 0:
			rates(b, name, theirs, pairs, t)
		case i > 1:
			compare(b, s.name, pairs, perSecond, func(s sample) float64 { return s.rate }, nil)
			compare(b, "CPU each", pairs, micros, func(s sample) float64 { return s.cpu }, nil)
		}
	}
}

// heads is one round of HEAD, of the next of the answers.
func heads(b *testing.B, options ...string) func(*side) load {
	return func(s *side) load {
		s.turn++
		return s.ab(b, choose(20_000, 8_000), s.asked[s.turn%len(s.asked)], options...)
	}
}

// smallArtifacts is how many artifacts of 64 KiB are asked for in turn.
const smallArtifacts = 64

func BenchmarkHead(b *testing.B) {
	data, artifacts := dataDir(b, smallArtifacts, 64<<10)
	c := newContest(b, data)
	c.holding(b, artifacts)
	c.play(b, "head", "nginx", target{hold: 0.8, aim: 1}, heads(b, "-k"))
}

// BenchmarkCrowd is HEAD on many more connections than there are processors.
func BenchmarkCrowd(b *testing.B) {
	data, artifacts := dataDir(b, smallArtifacts, 64<<10)
	c := newContest(b, data)
	c.holding(b, artifacts)
	c.play(b, "200 conns", "nginx", target{hold: 0.8, aim: 1}, heads(b, "-k", "-c", "200"))
}

// BenchmarkConnect is what shims do: a connection for each HEAD.
func BenchmarkConnect(b *testing.B) {
	data, artifacts := dataDir(b, smallArtifacts, 64<<10)
	c := newContest(b, data)
	c.holding(b, artifacts)
	c.play(b, "connect", "nginx", target{hold: 0.6, aim: 0.7}, heads(b))
}

func BenchmarkGet64k(b *testing.B) {
	data, artifacts := dataDir(b, smallArtifacts, 64<<10)
	c := newContest(b, data)
	c.holding(b, artifacts)
	c.play(b, "get64k", "nginx", target{hold: 0.9, aim: 1}, func(s *side) load {
		return s.wrk(b, time.Second, http.StatusOK, pathsFile(b, s.asked))
	})
}

// BenchmarkCPU compares server CPU for a gigabyte, sent from one large artifact to one reader and to many.
func BenchmarkCPU(b *testing.B) {
	const size = 256 << 20
	data, artifacts := dataDir(b, 1, size)
	c := newDuel(b, data)
	c.holding(b, artifacts)
	for _, readers := range []int{1, 8, 64} {
		c.gibs(b, size, readers)
	}
}

// gibs compares what so many readers cost that get a file of that size; one gets it four times.
func (c *contest) gibs(b *testing.B, size int64, readers int) {
	times := max(1, 4/readers)
	gib := float64(size) * float64(readers*times) / (1 << 30)
	round := func(s *side) func() sample {
		return func() sample {
			got := s.timed(b, func() load { return s.drainAll(b, s.asked[0].path, size, times, readers) })
			return sample{rate: got.rate * gib, cpu: got.cpu / gib}
		}
	}
	rounds := choose(11, 5)
	if readers > 8 {
		rounds = choose(5, 3)
	}
	pairs := alternate(rounds, round(c.ours), round(c.theirs))
	inSeconds := func(v float64) string { return fmt.Sprintf("%.3f s", v) }
	columns(fmt.Sprintf("cpu x %d", readers), "fromcache", "nginx")
	compare(b, "CPU/GiB", pairs, inSeconds, func(s sample) float64 { return s.cpu }, &target{hold: 1.3, aim: 1, less: true})
	compare(b, "GiB/s", pairs, func(v float64) string { return fmt.Sprintf("%.2f", v) }, func(s sample) float64 { return s.rate }, nil)
}

// BenchmarkMiss compares what is not held and noted already with what is not there.
func BenchmarkMiss(b *testing.B) {
	data, _ := dataDir(b, 1, 1)
	c := newContest(b, data)
	for i := range smallArtifacts {
		ours := answer{testbed.TokenPath(originURL(1000 + i)), http.StatusNotFound}
		header := c.ours.verify(b, ours, 0, "")
		if status := header.Get("Cache-Status"); !strings.Contains(status, "detail=uri-miss") || strings.Contains(status, "not-noted") {
			b.Fatalf("a miss was not noted: %s", status)
		}
		c.ask(ours, answer{fmt.Sprintf("/blobs/%064x", i), http.StatusNotFound})
	}
	c.play(b, "miss", "nginx 404", target{hold: 0.8, aim: 1}, heads(b, "-k"))
}
