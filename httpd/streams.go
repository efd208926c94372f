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

// maxStreams is how many answers one connection of HTTP/2 may carry at once; RFC 9113, 6.5.2
// recommends no less.
const maxStreams = 100

// handler returns the handler for the server's connections. It has probes come again while the server
// is busy.
func (s *Server) handler(limit *connLimit) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) && r.Header["Prefer"] == nil { // one that waits is no work
			if !limit.probe() {
				answerBusy(w)
				limit.turned()
				return
			}
			defer limit.busy.probes.Add(-1)
		}
		if r.ProtoMajor < 2 {
			s.ServeHTTP(w, r)
			return
		}
		s.stream(limit, w, r)
	})
}

// stream answers a request of HTTP/2. It has no connection of its own, so what connections are held
// to, an answer is held to by itself: it waits for a descriptor, and a reader that takes nothing for
// the stall time-out is cut off.
func (s *Server) stream(limit *connLimit, w http.ResponseWriter, r *http.Request) {
	defer limit.stream()()
	p := newStreamWriter(w, s.opt.StallTimeout)
	s.ServeHTTP(p, r)
	p.FlushError() // net/http would write the rest without a time-out
}

// turnedAway counts a probe that is to come again. Such probes have no line in the log each.
func (s *Server) turnedAway(mark int) {
	s.metrics.Requests.Artifact(http.MethodHead, answer.Outcome{Result: answer.Busy, Status: http.StatusServiceUnavailable}, 0)
	s.store.OnceAMinute("busy", func() {
		s.log.Warn("busy: probes are told to come again in a second (503), for more clients ask at once than --busy-at allows",
			"busy-at", mark)
	})
}

// streamWriter writes to a stream of HTTP/2, whose reader opens a window for what it takes. A write
// that waits longer than stall for the window resets the stream.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	timer   *time.Timer
	mu      sync.Mutex
	writing bool
}

func newStreamWriter(w http.ResponseWriter, stall time.Duration) *streamWriter {
	s := &streamWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: stall}
	s.timer = time.AfterFunc(stall, s.reset)
	s.timer.Stop()
	return s
}

// reset makes the write that waits fail, if there is one: a later call would find the stream gone.
func (s *streamWriter) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		s.control.SetWriteDeadline(time.Now()) //guard:TestStalledStreamIsReset
	}
}

func (s *streamWriter) guard(writing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
	if writing {
		s.timer.Reset(s.stall)
	} else {
		s.timer.Stop()
	}
}

// Write writes b whole, or fails when the reader takes nothing for a while.
func (s *streamWriter) Write(b []byte) (int, error) {
	s.guard(true)
	defer s.guard(false)
	return s.ResponseWriter.Write(b)
}

// FlushError sends what was written.
func (s *streamWriter) FlushError() error {
	s.guard(true)
	defer s.guard(false)
	return s.control.Flush()
}

// Flush is FlushError for an http.Flusher.
func (s *streamWriter) Flush() { s.FlushError() }

// Unwrap is for an http.ResponseController.
func (s *streamWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// serverLog takes the lines of an http.Server. A handshake that fails is no news: it is what port
// scanners and the TCP checks of load balancers do.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level, text := slog.LevelWarn, strings.TrimSpace(string(line))
	if strings.HasPrefix(text, "http: TLS handshake error") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, text)
	return len(line), nil
}
