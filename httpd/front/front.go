package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"fromcache/httpd/answer"
)

// Options of a Listener.
type Options struct {
	// Answer answers a request on its connection, and reports whether it has, and which error a write
	// had. Where it has not, it has written nothing, and net/http answers.
	Answer func(r *Request) (answered bool, err error)
	// State is told what becomes of a connection, as an http.Server's ConnState: StateClosed when the
	// front has closed one.
	State func(c net.Conn, st http.ConnState)
	// Panicked is told that Answer has panicked, which closes its connection alone.
	Panicked func(reason any, stack []byte)

	HeadTimeout time.Duration // for a head, from the connection's or its own first byte on
	IdleTimeout time.Duration // between two requests of a connection
}

// Listener answers plain requests on the connections of another listener, and accepts those that are
// for net/http. It has a goroutine for each connection that it has.
type Listener struct {
	net.Listener
	o     Options
	clock clock
	rooms sync.Pool // of *room

	handed chan net.Conn
	once   sync.Once
	below  chan struct{} // closed when the listener below is
	done   chan struct{} // closed by end
	err    error         // of Accept once done is closed
}

// room is what a connection needs while the front has it.
type room struct {
	in  [MaxHead]byte
	out [1 << 10]byte
	r   Request
}

// Listen returns a Listener on ln, and begins to accept from it. A connection of ln that is no
// *answer.Conn is net/http's at once; with a nil Answer each one is. The caller may close ln once ctx
// has ended: what was accepted before may be handed on until Close.
func Listen(ctx context.Context, ln net.Listener, o Options) *Listener {
	l := &Listener{Listener: ln, o: o, handed: make(chan net.Conn), below: make(chan struct{}), done: make(chan struct{})}
	l.rooms.New = func() any { return new(room) }
	go l.acceptAll(ctx)
	return l
}

// Accept waits for the next connection that is for net/http. It fails when the listener below does,
// or after Close.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.handed:
		return c, nil
	case <-l.done:
		return nil, l.err
	}
}

// Close has Accept fail, and closes the listener below. Answers that have begun end, and then their
// connections do. Whoever called State knows of those that wait for a request, and closes them.
func (l *Listener) Close() error {
	l.end(net.ErrClosed)
	return l.Listener.Close()
}

func (l *Listener) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

func (l *Listener) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Below returns a channel that is closed when nothing is accepted any more from the listener below.
func (l *Listener) Below() <-chan struct{} { return l.below }

// acceptAll accepts until the listener below is closed.
func (l *Listener) acceptAll(ctx context.Context) {
	defer close(l.below)
	for {
		c, err := l.Listener.Accept()
		var passing interface{ Temporary() bool }
		switch {
		case err == nil:
			go l.serve(c)
		case ctx.Err() != nil && errors.Is(err, net.ErrClosed):
			return
		case errors.As(err, &passing) && passing.Temporary():
			time.Sleep(5 * time.Millisecond) // as net/http does
		default:
			l.end(err)
			return
		}
	}
}

// serve has one connection until it ends or is handed on.
func (l *Listener) serve(conn net.Conn) {
	c, ok := conn.(*answer.Conn)
	if !ok || l.o.Answer == nil {
		l.hand(conn)
		return
	}
	m := l.rooms.Get().(*room)
	defer l.rooms.Put(m)
	isOurs := true
	defer func() {
		if reason := recover(); reason != nil { //guard:TestPanic
			l.o.Panicked(reason, debug.Stack())
		}
		if isOurs {
			c.Close()
			l.o.State(c, http.StateClosed)
		}
	}()
	if rest, other := l.answerAll(c, m); other {
		c.Unread(append([]byte(nil), rest...))
		isOurs = false
		l.hand(c)
	}
}

// hand gives a connection to net/http.
func (l *Listener) hand(c net.Conn) {
	select {
	case l.handed <- c:
	case <-l.done:
		c.Close()
		l.o.State(c, http.StateClosed)
	}
}

// answerAll answers the plain requests that come on c. It returns when c is to be closed, or with
// the bytes of what is for net/http.
func (l *Listener) answerAll(c *answer.Conn, m *room) (rest []byte, other bool) {
	in := reader{c: c, b: m.in[:0], idle: l.o.IdleTimeout, head: l.o.HeadTimeout}
	client := ""
	for !l.ended() {
		m.r = Request{Conn: c, Client: client, Room: m.out[:0], clock: &l.clock}
		n, kind := m.r.Parse(in.b)
		if in.few() {
			kind = Part
		}
		if kind == Part && in.more() {
			continue
		}
		if kind == Part && len(in.b) == 0 || in.late || in.few() {
			return nil, false
		}
		if kind != Plain {
			return in.b, true // net/http, too, says what is wrong with half a head
		}
		if client == "" {
			client = addressOf(c)
			m.r.Client = client
		}
		answered, err := l.o.Answer(&m.r)
		if !answered {
			return in.b, true
		}
		if err != nil || !m.r.keep {
			return nil, false
		}
		in.took(n)
	}
	return nil, false
}

// addressOf returns the address of a connection's client, as answer.ClientAddr does.
func addressOf(c net.Conn) string {
	return answer.ClientAddr(&http.Request{RemoteAddr: c.RemoteAddr().String()})
}
