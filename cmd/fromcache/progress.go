package main

import (
	"fmt"
	"io"
	"time"
)

// progress is one line on a terminal that says how far long work has come. Elsewhere it says
// nothing.
type progress struct {
	w     io.Writer // nil: nobody watches
	what  string
	begun time.Time
	shown time.Time
}

func (a *app) progress(what string) *progress {
	p := &progress{what: what, begun: time.Now()}
	if isTerminal(a.stderr) {
		p.w = a.stderr
	}
	return p
}

// at shows done of total bytes, at most ten times a second. A total below 0 is unknown.
func (p *progress) at(done, total int64) {
	if p.w == nil || time.Since(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = time.Now()
	speed := bytes(int64(float64(done) / max(time.Since(p.begun).Seconds(), 0.1)))
	if total > 0 {
		fmt.Fprintf(p.w, "\r\033[K%s %s of %s (%d%%), %s/s", p.what, bytes(done), bytes(total), done*100/total, speed)
		return
	}
	fmt.Fprintf(p.w, "\r\033[K%s %s, %s/s", p.what, bytes(done), speed)
}

// end clears the line.
func (p *progress) end() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
