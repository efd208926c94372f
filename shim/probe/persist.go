package probe

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fromcache/shim/plan"
)

// tries is how often a connection is begun within its time, and an answer asked for within its
// time. A cache-host in front of which a crowd stands drops what its queues do not hold, and is not
// down.
const tries = 3

// trial is the part of the connection's time that a cache gets that has timed out before.
const trial = 4

// patience returns a Prober by which a cache with a stamp is asked, and until when. One that timed
// out a moment ago is asked once, in a short time, because each call of a script would else pay for
// it in full. Where its stamp has grown to stampLifetime it has its whole time again: a cache far
// away needs that.
func (p *Prober) patience(s stamp, deadline time.Time) (*Prober, time.Time) {
	short := *p
	if s.timeouts < tries || s.lifetime() >= stampLifetime {
		return &short, deadline
	}
	short.tries, short.connectTimeout = 1, p.connectTimeout/trial
	if end := time.Now().Add(short.connectTimeout); end.Before(deadline) {
		deadline = end
	}
	return &short, deadline
}

// jittered returns a time from d to four thirds of it, so that clients that were turned away
// together do not come back together.
func jittered(d time.Duration) time.Duration {
	return d + rand.N(d/3+1)
}

// persist asks a cache for a URL until something comes back. Where nothing does for a third of the
// time, it asks again over another connection, and goes on listening to the first. It also asks
// again where the cache says that it is busy, when it is told to.
func (p *Prober) persist(
	q plan.Question, c plan.Cache, url string, last bool, deadline time.Time,
) reply {
	ask := func() reply { return p.head(q, c, url, last, deadline) }
	first := ask
	if p.lines.alone && c.URL.Scheme == "http" && time.Until(deadline) > 0 {
		r, later := p.soon(q, c, url, last, deadline)
		if _, again := r.comesAgain(deadline); later == nil && !again {
			return r
		}
		if first = later; later == nil {
			first = func() reply { return r }
		}
	}
	return p.await(first, ask, deadline)
}

// await does what is left of persist: it waits for the first request, and makes further ones.
func (p *Prober) await(first, ask func() reply, deadline time.Time) reply {
	replies := make(chan reply, p.tries)
	send := func(ask func() reply) { replies <- ask() }
	part := max(time.Until(deadline)/time.Duration(p.tries), 0)
	again := time.NewTimer(jittered(part))
	defer again.Stop()
	go send(first)
	for more, waiting, timeouts := p.tries-1, 1, 0; ; {
		select {
		case r := <-replies:
			waiting--
			timeouts += r.timeouts
			if wait, ok := r.comesAgain(deadline); ok {
				again.Reset(wait)
				more, timeouts = max(more, 1), 0
				continue
			}
			if r.state == silent && waiting > 0 {
				continue
			}
			r.timeouts = timeouts
			return r
		case <-again.C:
			if more > 0 {
				more--
				waiting++
				go send(ask)
				again.Reset(jittered(part))
			}
		}
	}
}

// comesAgain returns in what time a cache that is busy is asked again: when its Retry-After field
// (RFC 9110, 10.2.3) says, or up to as long after that, so that those who were turned away together
// come back one by one. It is not ok where that is too late.
func (r reply) comesAgain(deadline time.Time) (wait time.Duration, ok bool) {
	if r.state != busy {
		return 0, false
	}
	wait = max(time.Duration(r.RetryAfter)*time.Second, minRetry)
	spare := time.Until(deadline) - wait - minRetry
	if spare < 0 {
		return 0, false
	}
	return wait + rand.N(min(wait, spare)+1), true
}

// minRetry is the least time between two requests to a busy cache, and what is left to it for the
// last answer.
const minRetry = 100 * time.Millisecond

// dial connects to a cache in the address family of the question. Where no connection is made in a
// third of the time it begins another beside it, because the kernel repeats what got lost only
// after a second (RFC 6298, 2.1). It returns the first connection, or the first error, and how many
// it began.
func (p *Prober) dial(
	q plan.Question, c plan.Cache, deadline time.Time,
) (conn net.Conn, began int, err error) {
	if end := time.Now().Add(p.connectTimeout); end.Before(deadline) {
		deadline = end
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	results := make(chan dialed, p.tries)
	part := max(time.Until(deadline)/time.Duration(p.tries), 0)
	again := time.NewTimer(jittered(part))
	defer again.Stop()
	go func() { results <- p.dialOnce(ctx, q, c) }()
	for began = 1; ; {
		select {
		case r := <-results:
			go closeAll(results, began-1)
			return r.conn, began, r.err
		case <-again.C:
			if began < p.tries {
				began++
				go func() { results <- p.dialOnce(ctx, q, c) }()
				again.Reset(jittered(part))
			}
		}
	}
}

// dialed is what became of one connection that was begun.
type dialed struct {
	conn net.Conn
	err  error
}

func (p *Prober) dialOnce(ctx context.Context, q plan.Question, c plan.Cache) (d dialed) {
	if conn := p.lines.takeConnecting(); conn != nil {
		deadline, _ := ctx.Deadline()
		return established(conn, deadline)
	}
	network := "tcp"
	if q.Family != 0 {
		network += strconv.Itoa(q.Family)
	}
	address := net.JoinHostPort(strings.Trim(c.URL.Host, "[]"), c.URL.EffectivePort())
	d.conn, d.err = new(net.Dialer).DialContext(ctx, network, address)
	return d
}

// closeAll closes what n more connections become.
func closeAll(results <-chan dialed, n int) {
	for range n {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
}

// dialError says why there is no connection after so many were begun. A cache that refuses it is
// down, and one that does not answer is silent; but with -4 or -6 it may just have no such address.
func dialError(family, began int, err error) reply {
	timeout := net.Error(nil)
	switch late := errors.As(err, &timeout) && timeout.Timeout(); {
	case family != 0, isOwnLimit(err):
		return failed(unsure, "the cache can't be reached")
	case late:
		r := failed(silent, "the cache can't be reached in time")
		r.timeouts = began
		return r
	}
	return failed(down, "the cache can't be reached")
}

// isOwnLimit reports whether a connection failed by what this process may have or do, which tells
// nothing of the cache: another call may well reach it.
func isOwnLimit(err error) bool {
	for _, own := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL,
		syscall.EPERM, syscall.EACCES,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
