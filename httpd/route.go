package httpd

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/julienschmidt/httprouter"

	"fromcache/httpd/answer"
	"fromcache/httpd/api"
	"fromcache/httpd/read"
)

// table is every address that this server knows. The read path counts and logs its requests itself.
func (s *Server) table() []answer.Route {
	table := slices.Concat(s.read.Routes(),
		s.watchedRoutes(slog.LevelInfo, s.pages.Routes()), s.watchedRoutes(slog.LevelInfo, s.api.Routes()))
	if s.opt.MetricsApart {
		return table
	}
	return append(table, s.watchedRoutes(slog.LevelDebug, s.metrics.Routes())...)
}

func (s *Server) watchedRoutes(level slog.Level, routes []answer.Route) []answer.Route {
	for i, t := range routes {
		level := level
		if strings.HasPrefix(t.Path, "/static/") {
			level = slog.LevelDebug // each page has several
		}
		routes[i].Handle = func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
			s.watched(func(w http.ResponseWriter, r *http.Request) { t.Handle(w, r, p) }, level)(w, r)
		}
	}
	return routes
}

func (s *Server) routes() *httprouter.Router {
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.RedirectTrailingSlash = false
	r.HandleOPTIONS = false
	r.NotFound = http.HandlerFunc(s.notInTable)
	r.MethodNotAllowed = s.watched(methodNotAllowed, slog.LevelInfo)
	for _, t := range s.table() {
		for _, m := range strings.Fields(t.Methods) {
			r.Handle(m, t.Path, t.Handle)
		}
	}
	return r
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if proxies(s.opt.TrustedProxies).settle(r) {
		s.stranger.Do(func() {
			s.log.Warn("X-Forwarded-For, -Proto or -Prefix was ignored, once or more often: if a proxy of yours sends it, name it by --trusted-proxy",
				"addr", answer.ClientAddr(r))
		})
	}
	if why := badPath(r.URL.Path); why != "" {
		s.watched(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				api.Refuse(w, http.StatusBadRequest, "bad path: "+why)
				return
			}
			answer.Text(w, http.StatusBadRequest, "bad path: "+why)
		}, slog.LevelInfo)(w, r)
		return
	}
	if s.awaitDisk(w, r) {
		s.router.ServeHTTP(w, r)
	}
}

// notInTable answers addresses that begin with a scheme, which the table can't hold.
func (s *Server) notInTable(w http.ResponseWriter, r *http.Request) {
	switch {
	case !read.HasScheme(r.URL.Path):
		s.watched(answer.NotFound, slog.LevelInfo)(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header()["Allow"] = []string{"GET, HEAD"}
		s.watched(methodNotAllowed, slog.LevelInfo)(w, r)
	default:
		s.read.ByPrefix(w, r, nil)
	}
}

// badPath says what no address of ours holds, decoded. The name at the end of
// /b/ may be anything else, in any encoding of characters, because it is the
// origin's; so is the path behind the door, which is not decoded. Two dots are
// refused there too, because clients differ on where they lead.
func badPath(p string) string {
	dot, door := false, read.IsDoor(p)
	for i := range len(p) {
		if c := p[i]; (c < 0x20 || c == 0x7f) && !door {
			return "it holds a control character"
		} else if c == '.' && i > 0 && p[i-1] == '/' {
			dot = true
		}
	}
	if !utf8.ValidString(p) && !strings.HasPrefix(p, "/b/") && !door {
		return "it is not UTF-8"
	}
	if !dot {
		return ""
	}
	for seg := range strings.SplitSeq(p, "/") {
		if seg == ".." || seg == "." && !door {
			return "it holds the segment " + seg
		}
	}
	return ""
}

func methodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	answer.Text(w, http.StatusMethodNotAllowed, "method not allowed: this address takes "+answer.Allow(w.Header()))
}
