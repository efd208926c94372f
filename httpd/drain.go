package httpd

import (
	"context"
	"net/http"
	"time"
)

// drain lets answers finish, those of net/http and those of the front.
func (s *Server) drain(hs *http.Server, limit *connLimit) {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.DrainTimeout)
	defer cancel()
	limit.closeIdle()
	err := hs.Shutdown(ctx)
	if err == nil {
		err = limit.awaitAnswers(ctx)
	}
	if err != nil {
		s.log.Warn("answers were cut short", "after", s.opt.DrainTimeout)
		hs.Close()
		limit.cut()
	}
}

// awaitRequests waits until each connection has sent its first request, for patience at most. It is
// called before a shutdown, because net/http drops what it reads during one.
func (l *connLimit) awaitRequests() {
	const pause = patience / 100
	for end := time.Now().Add(patience); l.silent() && time.Now().Before(end); {
		time.Sleep(pause)
	}
	time.Sleep(pause) // net/http tells us of a request a moment before it asks whether it is shutting down
}

// closeIdle closes every connection that is not being answered.
func (l *connLimit) closeIdle() { l.closeAll(func(g *connState) bool { return !g.busy }) }

// cut closes every connection.
func (l *connLimit) cut() { l.closeAll(func(*connState) bool { return true }) }

func (l *connLimit) closeAll(which func(*connState) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, g := range l.conns {
		if which(g) {
			c.Close()
		}
	}
}

// awaitAnswers waits until no connection is being answered; its error is that of ctx.
func (l *connLimit) awaitAnswers(ctx context.Context) error {
	for {
		l.mu.Lock()
		n := l.answering
		l.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(patience / 100):
		}
	}
}

// silent reports whether a connection has sent nothing yet.
func (l *connLimit) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.conns {
		if !g.asked {
			return true
		}
	}
	return false
}
