package front

import (
	"errors"
	"net"
	"time"

	"fromcache/httpd/answer"
)

// reader reads heads, each within its time.
type reader struct {
	c          *answer.Conn
	b          []byte        // what has come and was not answered
	head, idle time.Duration // see Options
	armed      time.Time     // when the deadline of idle was set; zero: another one is set, or none
	asked      bool          // a request has come whole
	begun      bool          // the deadline is that of a head
	late       bool          // the deadline has passed
}

// took takes the first n bytes away, which were a request.
func (in *reader) took(n int) {
	in.b = in.b[:copy(in.b[:cap(in.b)], in.b[n:])]
	in.asked, in.begun = true, false
}

// few reports whether what has come after a request is so little that net/http, too, would wait for
// more, and end without an answer if none comes.
func (in *reader) few() bool { return in.asked && len(in.b) < 4 }

// more reads what has come, and waits for it. It reports false at the end, and when it is late.
func (in *reader) more() bool {
	room := in.b[len(in.b):cap(in.b)]
	n, ok := 0, false
	if !in.asked && len(in.b) == 0 {
		n, ok = in.c.TryRead(room) // most clients have sent their request by now: it needs no deadline
	}
	if !ok {
		in.arm()
		var err error
		n, err = in.c.ReadSome(room)
		var timeout net.Error
		in.late = errors.As(err, &timeout) && timeout.Timeout()
	}
	in.b = in.b[:len(in.b)+max(n, 0)]
	return n > 0
}

// arm sets the deadline. That of an idle connection is set anew when an eighth of it is gone, because
// it costs as much as a third of a small answer, so it is as much longer.
func (in *reader) arm() {
	if in.begun {
		return
	}
	now := time.Now()
	if !in.asked || len(in.b) > 0 {
		in.begun, in.armed = true, time.Time{}
		in.c.SetReadDeadline(now.Add(in.head)) //nolint:errcheck // then Read says why
		return
	}
	if now.Sub(in.armed) > in.idle/8 {
		in.armed = now
		in.c.SetReadDeadline(now.Add(in.idle + in.idle/8)) //nolint:errcheck // then Read says why
	}
}
