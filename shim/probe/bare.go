package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"net"
	"syscall"
	"time"

	"fromcache/shim/plan"
)

// bareTime is how long a bareConn is waited for: many times what a cache-host in the same building
// takes, and short, because no other part of this process runs meanwhile.
const bareTime = 20 * time.Millisecond

// errLater says that a bareConn has nothing yet.
var errLater = errors.New("nothing came so far")

// soonest returns the time after d from now, or end if that is sooner.
func soonest(end time.Time, d time.Duration) time.Time {
	if t := time.Now().Add(d); t.Before(end) {
		return t
	}
	return end
}

// soon sends HEAD over a bareConn, because the poller with its descriptors, timers and changes of
// threads makes a hit a tenth of a millisecond longer. Where the answer has not come after bareTime
// it returns later, which goes on waiting for it by the poller: no connection is begun and no
// request sent twice for that.
func (p *Prober) soon(
	q plan.Question, c plan.Cache, url string, last bool, deadline time.Time,
) (r reply, later func() reply) {
	request := p.request("HEAD", c, url, last, "")
	rest := *p
	anew := func() reply {
		l, rep := rest.over(nil, q, c, request, deadline)
		return p.heard(c, l, rep, last)
	}
	l := p.lines.take()
	kept := l != nil
	if !kept {
		to, ok := bareAddress(q, c)
		if !ok {
			return r, anew
		}
		wait := min(bareTime, p.connectTimeout/2)
		bare, err := beginBare(to, soonest(deadline, wait))
		switch {
		case err == errLater:
			p.lines.begin(bare)
			rest.connectTimeout -= wait
			return r, anew
		case err != nil:
			p.lines.end(nil)
			return dialError(q.Family, 1, err), nil
		}
		l = newLine(bare, nil, false)
	}
	rep, err := l.askSoon(request, deadline)
	if err == errLater {
		return r, func() reply {
			l.conn.SetDeadline(deadline)
			if rep := l.answer(); rep.Status != 0 || !kept || time.Until(deadline) <= 0 {
				return p.heard(c, l, rep, last)
			}
			p.lines.end(l)
			return anew()
		}
	}
	if rep.Status == 0 && (kept || err != nil) { // it was ended after the last answer
		p.lines.end(l)
		return r, anew
	}
	return p.heard(c, l, rep, last), nil
}

// askSoon is ask over a bareConn. With errLater the answer did not come soon, and the connection is
// the poller's now; with another error nothing was asked.
func (l *line) askSoon(request string, deadline time.Time) (reply, error) {
	if err := l.send(request, deadline); err != nil {
		return readError(err), err
	}
	if _, bare := l.conn.(*bareConn); !bare {
		return reply{}, errLater
	}
	for !l.whole() {
		_, err := l.in.Peek(l.in.Buffered() + 1)
		if err == errLater || err == bufio.ErrBufferFull {
			if err := l.handOver(); err != nil {
				return readError(err), err
			}
			return reply{}, errLater
		}
		if err != nil {
			break // answer gets it, too
		}
	}
	return l.answer(), nil
}

// handOver has the poller wait for what comes over a bareConn.
func (l *line) handOver() error {
	bare, ok := l.conn.(*bareConn)
	if !ok {
		return nil
	}
	conn, err := bare.polled()
	if err == nil {
		l.conn, l.tcp, l.limit.R = conn, conn, conn
	}
	return err
}

// whole reports whether the header of an answer is there, which is no interim one.
func (l *line) whole() bool {
	b, _ := l.in.Peek(l.in.Buffered())
	_, code, _ := bytes.Cut(b, []byte(" "))
	return !bytes.HasPrefix(code, []byte("1")) &&
		(bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n")))
}

// established waits for a connection that was begun as a bareConn.
func established(conn net.Conn, deadline time.Time) dialed {
	conn.SetDeadline(deadline)
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		failed := error(nil)
		err = raw.Write(func(fd uintptr) bool {
			failed = socketError(int(fd))
			_, unconnected := syscall.Getpeername(int(fd))
			return failed != nil || unconnected == nil
		})
		err = cmp.Or(err, failed)
	}
	if err != nil {
		conn.Close()
		return dialed{err: err}
	}
	return dialed{conn: conn}
}

// socketError returns what became of a connection that was begun.
func socketError(fd int) error {
	n, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && n != 0 {
		err = syscall.Errno(n)
	}
	return err
}
