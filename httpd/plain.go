package httpd

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"fromcache/httpd/front"
)

// front returns the listener that answers plain requests of the connections of limit before net/http
// sees them. Over TLS, where the bytes of a connection are not those of its requests, each connection
// is net/http's at once.
func (s *Server) front(ctx context.Context, limit *connLimit) *front.Listener {
	o := front.Options{
		State:       limit.state,
		HeadTimeout: s.opt.HeaderTimeout,
		IdleTimeout: s.opt.IdleTimeout,
		Panicked: func(reason any, stack []byte) {
			s.log.Error("an answer panicked: its connection is closed", "reason", reason, "stack", string(stack))
		},
	}
	if s.opt.TLS == nil && !s.opt.PlainHTTPServer {
		o.Answer = func(r *front.Request) (bool, error) { return s.answerPlain(limit, r) }
	}
	return front.Listen(ctx, limit, o)
}

// answerPlain holds a plain request to what connections are held to, and counts and logs it, as
// handler, awaitDisk and told do for those of net/http. What is answered without the storage it
// leaves alone, because refuseWaiting is not to answer that.
func (s *Server) answerPlain(limit *connLimit, r *front.Request) (answered bool, err error) {
	asked := plainRequest(r)
	if s.store.ReadsHang() ||
		isInMemory(asked.path) { //guard:cmd/fromcache.TestStorageThatHangs
		return false, nil
	}
	limit.state(r.Conn, http.StateActive)
	defer limit.state(r.Conn, http.StateIdle)
	if r.Head {
		if !limit.probe() {
			return false, nil
		}
		defer limit.busy.probes.Add(-1)
	}
	r.Conn.Await()
	began := time.Now()
	o, answered, err := s.read.AnswerPlain(r)
	if answered {
		s.tell(asked, r.Conn, began, o)
	}
	return answered, err
}

func plainRequest(r *front.Request) request {
	method := http.MethodGet
	if r.Head {
		method = http.MethodHead
	}
	path, _, _ := bytes.Cut(r.Target, []byte("?"))
	return request{method, string(path), r.Client, string(r.Agent)}
}
