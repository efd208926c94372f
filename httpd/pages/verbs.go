package pages

import (
	"net/url"
	"strings"

	"fromcache/httpd/answer"
)

// verbs are what buttons do: the form of each posts to /admin/<verb>.
func (s *Server) verbs() (routes []answer.Route) {
	for _, v := range []struct {
		name  string
		limit int64 // of the form; 0: do reads the body itself
		do    operation
	}{
		{"approve", maxForm, s.approve},
		{"dismiss", maxForm, s.dismiss},
		{"deny", maxForm, s.deny},
		{"undeny", maxForm, s.undeny},
		{"rule", maxForm, s.addRule},
		{"unrule", maxForm, s.removeRule},
		{"ask", maxForm, s.ask},
		{"digests", maxForm, s.digests},
		{"undo", maxForm, s.undo},
		{"cancel", maxForm, s.cancel},
		{"retry", maxForm, s.retry},
		{"clear", maxForm, s.clear},
		{"again", maxForm, s.fetchAgain},
		{"evict", maxForm, s.evict},
		{"fetch", maxList, s.fetch},
		{"upload", 0, s.upload},
	} {
		handle := s.pageTo(v.limit, v.do)
		routes = append(routes, answer.Route{
			Methods: "POST", Path: "/admin/" + v.name, Handle: handle,
		})
	}
	return routes
}

func digestIn(f url.Values) string { return strings.ToLower(strings.TrimSpace(f.Get("sha256"))) }

func nonEmpty(list []string) (some []string) {
	for _, v := range list {
		if v != "" {
			some = append(some, v)
		}
	}
	return some
}
