package httpd

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"fromcache/httpd/answer"
)

// While the storage does not answer, whoever asks for what is on it is refused at once, and those
// who had asked before and wait for the first bytes of an answer are refused as soon as that is
// known. Answers that have begun go on when the storage does.

// awaitDisk lets refuseWaiting answer a GET or HEAD, and reports false where it has refused it by
// itself, because the storage hangs. An upload is not broken off by a storage that stands still for
// some seconds.
func (s *Server) awaitDisk(w http.ResponseWriter, r *http.Request) bool {
	if isInMemory(r.URL.Path) {
		return true
	}
	if s.store.ReadsHang() {
		s.watched(refuseHung, slog.LevelInfo)(w, r)
		return false
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if c := answer.ConnOf(r); c != nil {
			c.Await()
		}
	}
	return true
}

// isInMemory reports whether what is at an address is answered without the storage. /metrics then
// has the numbers of the last scrape, and the trouble.
func isInMemory(path string) bool {
	return path == "/healthz" || path == "/metrics" || strings.HasPrefix(path, "/static/")
}

// hungRetry is the Retry-After of who is refused because the storage hangs, in seconds.
const hungRetry = "5"

func refuseHung(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Retry-After"] = []string{hungRetry}
	answer.Text(w, http.StatusServiceUnavailable, "the cache-host's disk or file server does not answer: try again")
}

// hungAnswer is refuseHung's, without a text, because it may answer a HEAD.
const hungAnswer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + hungRetry +
	"\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// refuseWaiting refuses those who wait for the storage whenever it hangs, until the call that it
// returns.
func (s *Server) refuseWaiting(limit *connLimit) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				if s.store.Hangs() {
					limit.refuse([]byte(hungAnswer))
				}
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}
