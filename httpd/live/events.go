package live

import (
	"net/http"
	"time"

	"fromcache/httpd/answer"
)

// Events answers with the stream of hints that a page keeps open, for as long as may says
// that r may read them. Last-Event-ID is ignored: a page that reconnects fetches itself again.
func (h *Hub) Events(w http.ResponseWriter, r *http.Request, may func(*http.Request) bool) error {
	st := h.join()
	if st == nil {
		return answer.Refuse(http.StatusServiceUnavailable, "too many pages are open")
	}
	defer h.leave(st)
	f := w.Header()
	f["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	f["X-Accel-Buffering"] = []string{"no"} // a proxy that buffers would hold it back
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Time{}) // the request was read; the connection stays
	if r.Method == http.MethodHead {
		return nil
	}
	gone, forget := answer.HungUp(r)
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
			if !may(r) || send(w, message, st) != nil || c.Flush() != nil {
				return nil
			}
		}
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
