package httpd

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/julienschmidt/httprouter"
)

// health remembers the store's state for a second: the question writes a file,
// and anyone may ask it.
type health struct {
	mu    sync.Mutex
	asked time.Time
	err   error
	said  sparse
}

func (h *health) of(ask func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) >= time.Second {
		h.err = ask()
		h.asked = time.Now()
	}
	return h.err
}

// healthz says whether the data directory is there and can be written.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
	if err := s.health.of(s.store.Health); err != nil {
		s.complain(&s.health.said, "unhealthy", err)
		text := "the data directory is gone or can't be written"
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			text = "the disk is full: what is held is served, nothing new can be written"
		}
		plainText(w, http.StatusServiceUnavailable, text)
		return
	}
	text := "ok"
	if n := len(s.store.Findings()); n > 0 {
		text = fmt.Sprintf("ok, but %d artifacts were found rotten and wait to be fetched again: see the pages or run fromcache fsck", n)
	}
	plainText(w, http.StatusOK, text)
}
