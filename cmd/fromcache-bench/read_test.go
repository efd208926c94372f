package bench

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// contest is two servers, and what each is asked in turn.
type contest struct{ ours, theirs *side }

type side struct {
	*server
	asked []answer
	turn  int // of ab, which asks for one of them a round
}

// newContest starts both servers on a data directory.
func newContest(b *testing.B, data string) *contest {
	return &contest{&side{server: serve(b, data)}, &side{server: startNginx(b, data)}}
}

// holding has both sides asked for artifacts, whose bytes are compared first.
func (c *contest) holding(b *testing.B, artifacts []held) {
	for _, a := range artifacts {
		ours, theirs := answer{testbed.TokenPath(a.url), http.StatusOK}, answer{"/blobs/" + a.digest, http.StatusOK}
		c.ours.verify(b, ours, a.size, a.digest)
		c.theirs.verify(b, theirs, a.size, a.digest)
		c.ours.asked, c.theirs.asked = append(c.ours.asked, ours), append(c.theirs.asked, theirs)
	}
}

// play lets the two take turns, and prints the comparison.
func (c *contest) play(b *testing.B, name, theirs string, t target, turn func(*side) load) {
	one := func(s *side) func() sample {
		return func() sample { return s.timed(b, func() load { return turn(s) }) }
	}
	one(c.ours)() // what a server does once it has done now
	one(c.theirs)()
	rates(b, name, theirs, alternate(choose(11, 5), one(c.ours), one(c.theirs)), t)
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
	c.play(b, "head", "nginx", target{hold: 0.6, aim: 0.7}, heads(b, "-k"))
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
	c.play(b, "get64k", "nginx", target{hold: 0.75, aim: 0.9}, func(s *side) load {
		return s.wrk(b, time.Second, http.StatusOK, pathsFile(b, s.asked))
	})
}

// BenchmarkCPU compares server CPU for a gigabyte, sent from one large artifact on one connection.
func BenchmarkCPU(b *testing.B) {
	const size, times = 256 << 20, 4
	data, artifacts := dataDir(b, 1, size)
	c := newContest(b, data)
	c.holding(b, artifacts)
	gib := func(s *side) func() sample {
		return func() sample { return s.timed(b, func() load { return s.drain(b, s.asked[0].path, size, times) }) }
	}
	pairs := alternate(choose(15, 5), gib(c.ours), gib(c.theirs))
	inSeconds := func(v float64) string { return fmt.Sprintf("%.3f s", v) }
	columns("cpu", "fromcache", "nginx")
	compare(b, "CPU/GiB", pairs, inSeconds, func(s sample) float64 { return s.cpu }, &target{hold: 1.3, aim: 1.15, less: true})
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
		c.ours.asked = append(c.ours.asked, ours)
		c.theirs.asked = append(c.theirs.asked, answer{fmt.Sprintf("/blobs/%064x", i), http.StatusNotFound})
	}
	c.play(b, "miss", "nginx 404", target{hold: 0.3, aim: 0.4}, heads(b, "-k"))
}
