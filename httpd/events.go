package httpd

import (
	"net/http"
	"time"
)

// events is the stream of changes that a page keeps open. It begins with
// nothing of the past: a page that comes back gets itself again, so what a
// Last-Event-ID would say is not asked.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	st := s.hub.join()
	if st == nil {
		return &refusal{http.StatusServiceUnavailable, "too many pages are open"}
	}
	defer s.hub.leave(st)
	h := w.Header()
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	h["X-Accel-Buffering"] = []string{"no"} // a proxy that buffers would hold it back
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Time{}) // the request was read; the connection stays
	if r.Method == http.MethodHead {
		return nil
	}
	h["Connection"] = []string{"close"} // hungUp may have read what came after the request
	gone, forget := hungUp(r)
	defer forget()
	w.Write([]byte("retry: 1000\n\n"))
	w.Write(beat)
	if c.Flush() != nil {
		return nil
	}
	for {
		select {
		case <-gone:
			return nil
		case <-st.ended:
			return nil
		case message := <-st.c:
			if !s.signIn.holds(r) || send(w, message, st) != nil || c.Flush() != nil {
				return nil
			}
		}
	}
}

// hungUp tells that the reader of a stream has left, by a read that ends when
// it does: net/http does not watch for that here, see conn.Read. forget ends
// the watch and waits for it.
func hungUp(r *http.Request) (gone <-chan struct{}, forget func()) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return r.Context().Done(), func() {}
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		c.TCPConn.Read(make([]byte, 1))
	}()
	return left, func() {
		c.SetReadDeadline(time.Now())
		<-left
	}
}

// send writes a message, and those that wait behind it.
func send(w http.ResponseWriter, message []byte, st *stream) error {
	for {
		if _, err := w.Write(message); err != nil {
			return err
		}
		select {
		case message = <-st.c:
		default:
			return nil
		}
	}
}
