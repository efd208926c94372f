package httpd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/httpd/answer"
)

// connLimit is a listener that takes no more connections than the process may
// have open files for: a connection takes one, and its answer another. It leaves
// enough for the rest of the server, so that a hit finds its blob. When there is
// no room, it closes connections that have waited for a while without a request,
// and it says so once, for /healthz and the log. A connection that is being
// answered stays.
//
// netutil.LimitListener counts alike, but it closes nothing and says nothing:
// connections without a request would keep all others out for as long as they
// may be idle.
type connLimit struct {
	net.Listener
	room int             // descriptors for connections and answers
	tell func(err error) // why it is full, or with nil that it isn't any more

	telling   sync.Mutex // so that what was told last is so
	reports   sync.WaitGroup
	mu        sync.Mutex
	change    sync.Cond // somebody left or was answered, or time has passed
	conns     map[net.Conn]*connState
	answering int   // connections
	full      error // why there is no room; nil again when a quarter has left
	closed    bool

	busy    busy
	turned  func()         // is called for each probe that was turned away
	request [16 << 10]byte // of the connection that Accept looks at
}

type connState struct {
	busy   bool
	asked  bool      // it has sent a request
	shared bool      // by many answers at once, which count each for itself: HTTP/2
	since  time.Time // that it waits
}

// patience is how long a connection may wait for its next request, or for a
// descriptor, before it is closed to make room.
const patience = time.Second

func newConnLimit(ln net.Listener, room int, tell func(error)) *connLimit {
	l := &connLimit{Listener: ln, room: room, tell: tell, conns: map[net.Conn]*connState{}, turned: func() {}}
	l.change.L = &l.mu
	return l
}

// descriptorRoom is how many descriptors are for connections: an eighth, or at
// least 32, are for jobs, listings and watches.
func descriptorRoom() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<24 {
		return 1 << 24
	}
	n := int(limit.Cur)
	return max(8, n-max(32, n/8))
}

// most is how many connections there may be: a quarter of the room stays for
// answers, so that some always get on.
func (l *connLimit) most() int { return l.room * 3 / 4 }

// Accept waits for room, and for the next connection that is not turned away.
func (l *connLimit) Accept() (net.Conn, error) {
	for {
		l.makeRoom()
		c, err := l.accept()
		if err != nil || !l.turnsAway(c) {
			return c, err
		}
	}
}

func (l *connLimit) accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	for errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		l.mu.Lock()
		l.isFull(err)
		l.cutIdle()
		l.mu.Unlock()
		time.Sleep(patience / 10)
		c, err = l.Listener.Accept()
	}
	return c, err
}

// Close ends Accept too while it waits for room.
func (l *connLimit) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.change.Broadcast()
	return l.Listener.Close()
}

func (l *connLimit) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.conns) >= l.most() && !l.closed {
		l.isFull(fmt.Errorf("%d connections", len(l.conns)))
		if !l.cutIdle() {
			look := time.AfterFunc(patience/10, l.change.Broadcast)
			l.change.Wait()
			look.Stop()
		}
	}
}

// isFull tells it once; the caller holds mu.
func (l *connLimit) isFull(why error) {
	if l.full == nil {
		l.full = why
		l.report()
	}
}

func (l *connLimit) leave(c net.Conn) {
	if g := l.conns[c]; g != nil {
		l.begin(g)
	}
	delete(l.conns, c)
	if l.full != nil && len(l.conns) < l.most()*3/4 {
		l.full = nil
		l.report()
	}
}

// report tells how it is, unless the server ends; the caller holds mu, and need
// not wait for who is told.
func (l *connLimit) report() {
	if l.closed {
		return
	}
	l.reports.Go(func() {
		l.telling.Lock()
		defer l.telling.Unlock()
		l.mu.Lock()
		why := l.full
		l.mu.Unlock()
		l.tell(why)
	})
}

// cutIdle closes what has waited long enough without being answered, and reports
// whether that was anybody; the caller holds mu.
func (l *connLimit) cutIdle() (any bool) {
	for c, g := range l.conns {
		if !g.busy && time.Since(g.since) >= patience {
			c.Close()
			l.leave(c)
			any = true
		}
	}
	if any {
		l.change.Broadcast()
	}
	return any
}

// refuse answers for every connection that waits for the first bytes of its answer, and closes it.
func (l *connLimit) refuse(with []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, g := range l.conns {
		if c, ok := c.(*answer.Conn); ok && g.busy && !g.shared {
			c.Refuse(with)
		}
	}
}

// state is an http.Server's ConnState. A request waits here for a descriptor
// that its answer can have.
func (l *connLimit) state(c net.Conn, st http.ConnState) {
	shared := false
	if over, ok := c.(*tls.Conn); ok {
		c, shared = over.NetConn(), st == http.StateActive && over.ConnectionState().NegotiatedProtocol == "h2"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.conns[c]
	if g == nil {
		return // it was cut
	}
	switch st {
	case http.StateActive:
		l.begin(g)
		if shared {
			g.busy, g.shared = true, true
			return
		}
		for !l.closed && l.conns[c] == g && len(l.conns)+l.answering >= l.room {
			l.change.Wait()
		}
		if l.conns[c] != g { //guard:TestWhoIsCutWhileItWaitsLeavesItsPlace
			return // it was cut while it waited
		}
		g.busy = true
		l.answering++
	case http.StateIdle:
		l.answered(g)
	case http.StateClosed, http.StateHijacked:
		l.answered(g)
		l.leave(c)
	}
}

// begin takes a connection out of those that wait for their first answer.
func (l *connLimit) begin(g *connState) {
	if !g.asked {
		g.asked = true
		l.busy.waiting.add(-1, g.since)
	}
}

func (l *connLimit) answered(g *connState) {
	if g.busy && !g.shared {
		l.answering--
	}
	g.busy, g.since = false, time.Now()
	l.change.Broadcast()
}

// stream waits for a descriptor that one answer of a shared connection can have, and returns the
// call that gives it back.
func (l *connLimit) stream() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && len(l.conns)+l.answering >= l.room { //guard:TestStreamsShareTheRoom
		l.change.Wait()
	}
	l.answering++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.answering--
		l.change.Broadcast()
	}
}
