package read

import (
	"net/http"
	"time"

	"fromcache/httpd/answer"
)

// longestWait is how long a request is held at most, because proxies (nginx, load balancers) give an
// answer up that does not begin within a minute.
const longestWait = 55 * time.Second

// await holds a request for what is queued or active as long as its client prefers to wait, and
// reports whether to look again, because something may have changed. It is false where the client
// does not wait, has left or waited long enough, the server stops, or too many requests are held
// already. It adds to waited, which is how long the request was held before.
func (s *Server) await(w http.ResponseWriter, r *http.Request, raw string, waited *time.Duration) bool {
	wait, ok := answer.Wait(r.Header["Prefer"], longestWait)
	if !ok || *waited >= wait {
		return false
	}
	waiter := s.crowd.Wait(raw)
	if waiter == nil {
		return false
	}
	defer waiter.Leave()
	began := time.Now()
	defer func() { *waited += time.Since(began) }()
	w.Header()["Preference-Applied"] = []string{answer.WaitApplied(wait)}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) //nolint:errcheck // the request was read; else the wait is shorter
	gone, forget := answer.HungUp(r)
	defer forget()
	over := time.NewTimer(wait - *waited)
	defer over.Stop()
	select {
	case <-waiter.Changed:
		return true
	case <-over.C:
		return true
	case <-gone:
	case <-s.stopped:
	}
	return false
}
