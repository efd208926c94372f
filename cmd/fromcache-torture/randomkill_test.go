package torture

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// TestRandomKill: a server that fetches, serves and takes verbs is killed at any
// moment, and the next one while it starts and recovers what the first left.
// What was acknowledged must be there, and what is served must be whole.
func TestRandomKill(t *testing.T) {
	p, row := begin(t, "1 random kills")
	rounds := size(6, 500)
	each(upTo(rounds), func(seed int) { p.killedTwice(row, uint64(seed)) })
	row.AtLeast(size(1, 250), "answers")
	row.AtLeast(size(0, 50), "approvals")
	row.AtLeast(size(1, 100), "with a job to recover")
}

func (p *program) killedTwice(row *Row, seed uint64) {
	l := p.newLab(row)
	defer l.close()
	r := rand.New(rand.NewPCG(seed, 1))
	l.hold(killHeld)
	l.half(two)
	l.add(l.url(one))
	l.add(l.url(slow))
	if err := p.killedAtWork(l, millis(r, 150), row); err != nil {
		row.Errorf("seed %d: %v", seed, err)
		return
	}
	row.Tried("kills", 1)
	l.say(row, fmt.Sprintf("seed %d, killed", seed), l.judge())
	orphans := l.exists("active/*")
	if err := p.killedAtStart(l, millis(r, 100)); err != nil {
		row.Errorf("seed %d: %v", seed, err)
		return
	}
	row.Tried("kills at the next start", 1)
	if orphans {
		row.Tried("with a job to recover", 1)
	}
	l.say(row, fmt.Sprintf("seed %d, killed again", seed), l.judge())
	l.say(row, fmt.Sprintf("seed %d, finished", seed), l.finish())
}

func millis(r *rand.Rand, n int64) time.Duration { return time.Duration(r.Int64N(n * 1e6)) }

func (l *lab) say(row *Row, when string, found []string) {
	for _, v := range found {
		row.Errorf("%s: %s", when, v)
	}
}

const killHeld = "/5000/held.bin"

// killedAtWork has a server work for a while from when it listens.
func (p *program) killedAtWork(l *lab, while time.Duration, row *Row) error {
	s, err := p.serve(l.data, nil)
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.ask(l, s, row)
	}()
	time.Sleep(while)
	s.Kill()
	<-stopped
	return nil
}

// killedAtStart kills a server a while after its exec, whether it listens by
// then or not.
func (p *program) killedAtStart(l *lab, while time.Duration) error {
	s := p.newServer(l.data, nil)
	if err := s.Cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.Cmd.Wait()
		close(s.Exited)
	}()
	time.Sleep(while)
	s.Kill()
	return nil
}

// ask is a client and an operator, until the server dies. What is answered to
// an approval counts from then on.
func (p *program) ask(l *lab, s *server, row *Row) {
	for i := 0; !s.Dead(); i++ {
		code, b, err := s.get(p.origin.URL + killHeld)
		if err == nil && (code != 200 || digest(b) != digest(body(killHeld, 0))) {
			row.Errorf("I4: a GET of what is held: %d, %d bytes", code, len(b))
		}
		row.Tried("answers", 1)
		late := l.url(fmt.Sprintf("/%d/late-%d.bin", 700+i*1000, i))
		s.get(late)
		if code, err := s.post("/admin/approve", "key", judge.KeyOf(late)); err == nil && code == 303 {
			l.known.Queued = append(l.known.Queued, late)
			row.Tried("approvals", 1)
		}
	}
}
