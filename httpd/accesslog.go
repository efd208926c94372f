package httpd

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/read"
)

// request is what is counted and logged of a request.
type request struct{ method, path, client, agent string }

func requestOf(r *http.Request) request {
	return request{r.Method, r.URL.Path, answer.ClientAddr(r), r.UserAgent()}
}

// told counts a request of the read path, and logs it.
func (s *Server) told(r *http.Request, began time.Time, o answer.Outcome) {
	s.tell(requestOf(r), answer.ConnOf(r), began, o)
}

// tell is told for whoever has no http.Request. Its c may be nil.
func (s *Server) tell(r request, c *answer.Conn, began time.Time, o answer.Outcome) {
	took := time.Since(began)
	if c != nil && c.Refused() {
		o = answer.Outcome{Result: answer.Failed, Status: http.StatusServiceUnavailable}
	}
	s.metrics.Requests.Artifact(r.method, o, took-o.Waited)
	s.shares.add(r, o)
	level := slog.LevelInfo
	if r.path == "/healthz" {
		level = slog.LevelDebug
	} else {
		s.clients.Add(r.client, "")
	}
	if s.logs(level) {
		what := slog.String("path", pathOf(r.path))
		if k := s.keyOf(o); k != "" {
			what = slog.String("key", k)
		}
		s.logRequest(level, r, took, o, what)
	}
}

func (s *Server) logs(level slog.Level) bool {
	return s.access != nil && s.access.Enabled(context.Background(), level)
}

// logRequest logs a line about a request: who asked with which tool, and what became of it. It has
// no query, and no address of the read path, because those hold URLs of origins, signatures and all.
func (s *Server) logRequest(level slog.Level, r request, took time.Duration, o answer.Outcome, what slog.Attr) {
	if r.method == http.MethodHead {
		o.Bytes = 0 // net/http sends no body
	}
	s.access.LogAttrs(context.Background(), level, "request",
		slog.String("result", o.Result.String()), slog.String("method", r.method), slog.Int("status", o.Status), what,
		slog.Int64("bytes", o.Bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("client", r.client), slog.String("tool", job.Tool(r.agent)))
}

// keyOf returns the key of what was sent, or of what was asked for.
func (s *Server) keyOf(o answer.Outcome) string {
	if o.Key != "" || o.URL == "" {
		return o.Key
	}
	u, err := s.store.Parse(o.URL)
	if err != nil {
		return ""
	}
	return u.Key()
}

// watched counts and logs the requests that h answers. It is for all but the read path, because it
// wraps the http.ResponseWriter, which loses sendfile.
func (s *Server) watched(h http.HandlerFunc, level slog.Level) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		m := &meter{ResponseWriter: w, status: http.StatusOK}
		h(m, r)
		o := answer.Outcome{Result: answer.ResultOf(m.status), Status: m.status, Bytes: m.bytes}
		s.metrics.Requests.Other(r.Method, o.Result)
		if s.logs(level) {
			s.logRequest(level, requestOf(r), time.Since(began), o, slog.String("path", pathOf(r.URL.Path)))
		}
	}
}

// maxPath is how many bytes of a path a line has: more than any page's or any call's of the API.
const maxPath = 600

// pathOf returns a request's path if it names no artifact, "" where it holds an origin's URL.
func pathOf(path string) string {
	if strings.HasPrefix(path, "/b/") || read.IsDoor(path) {
		return ""
	}
	if len(path) > maxPath {
		path = path[:maxPath] + "..."
	}
	return key.RedactText(path) // it may be an address of the read path, mistyped
}

// meter is a http.ResponseWriter that remembers status and bytes.
type meter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader passes the status on.
func (m *meter) WriteHeader(code int) {
	m.status = code
	m.ResponseWriter.WriteHeader(code)
}

// Write passes bytes on.
func (m *meter) Write(b []byte) (int, error) {
	n, err := m.ResponseWriter.Write(b)
	m.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }
