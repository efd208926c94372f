package main

import (
	"math/rand/v2"
	"time"

	"fromcache/fsstore/torture"
)

// randomKills: a server that fetches, serves and takes verbs is killed at any
// moment, and so is the next one while it recovers. What it acknowledged before
// must be there, and what it serves must be whole.
func randomKills(p *program, row *torture.Row) {
	rounds := 6
	if p.long {
		rounds = 500
	}
	each(upTo(rounds), func(seed int) { p.killedTwice(row, uint64(seed)) })
}

func (p *program) killedTwice(row *torture.Row, seed uint64) {
	l := p.newLab()
	defer l.close()
	r := rand.New(rand.NewPCG(seed, 1))
	l.hold("/5000/held.bin")
	l.half(two)
	l.add(l.url(one))
	l.add(l.url(slow))
	for range 2 {
		s, err := p.serve(l.data, nil)
		if err != nil {
			row.Violated("seed %d: the server does not start: %v\n%s", seed, err, s.text())
			return
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			p.ask(l, s, row)
		}()
		time.Sleep(time.Duration(r.Int64N(int64(120 * time.Millisecond))))
		s.kill()
		<-stopped
		row.Tried("kills", 1)
		for _, v := range l.judge() {
			row.Violated("seed %d: at once: %s", seed, v)
		}
	}
	for _, v := range l.finish() {
		row.Violated("seed %d: finished: %s", seed, v)
	}
}

// ask is a client and an operator, until the server dies.
func (p *program) ask(l *lab, s *server, row *torture.Row) {
	url := l.p.origin.URL + "/5000/held.bin"
	late := l.p.origin.URL + "/700/late.bin"
	for !s.dead() {
		code, b, err := s.get(url)
		if err == nil && (code != 200 || digest(b) != digest(body("/5000/held.bin", 0))) {
			row.Violated("I4: a GET of what is held: %d, %d bytes", code, len(b))
		}
		row.Tried("answers", 1)
		s.get(late)
		s.post("/admin/approve", "key", torture.KeyOf(late))
	}
}
