package pages

import (
	"net/http"
	"net/url"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// verb is what one kind of button does: the form's post, and the line that
// does the same in a shell. Every action of a page is one of these, and has
// its line beside it.
type verb struct {
	name  string // its form posts to /admin/<name>, the button beside it to /admin/<name>/shell
	limit int64  // of the form; 0: do reads the body itself
	do    operation
	line  func(r *http.Request) (string, error)
}

func (s *Server) verbs() []verb {
	sh := s.store.Shell()
	return []verb{
		{"approve", maxForm, s.approve, s.missLine(sh.Approve)},
		{"dismiss", maxForm, s.dismiss, s.dismissLine},
		{"deny", maxForm, s.deny, s.missLine(byName(sh.Deny))},
		{"ask", maxForm, s.ask, s.askLine},
		{"cancel", maxForm, s.cancel, oneLine("id", sh.Cancel)},
		{"retry", maxForm, s.retry, s.retryLine},
		{"clear", maxForm, s.clear, func(*http.Request) (string, error) { return sh.Clear() }},
		{"again", maxForm, s.again, s.againLine},
		{"evict", maxForm, s.evict, oneLine("key", sh.Evict)},
		{"fetch", maxList, s.fetch, s.fetchLine},
		{"upload", 0, s.upload, s.uploadLine},
	}
}

// verbRoutes are the addresses of the verbs and of their lines.
func (s *Server) verbRoutes() (routes []answer.Route) {
	for _, v := range s.verbs() {
		routes = append(routes,
			answer.Route{Methods: "POST", Path: "/admin/" + v.name, Handle: s.pageTo(v.limit, v.do)},
			answer.Route{Methods: "POST", Path: "/admin/" + v.name + "/shell", Handle: s.pageTo(max(v.limit, maxForm), s.showLine(v.line))})
	}
	return routes
}

// showLine answers with the line of what a form would do, and does nothing.
func (s *Server) showLine(line func(*http.Request) (string, error)) operation {
	return func(w http.ResponseWriter, r *http.Request) error {
		text, err := line(r)
		if err != nil {
			return err
		}
		if isLive(r) {
			answer.Text(w, http.StatusOK, text)
			return nil
		}
		f := s.frame(w, r, "shell")
		f.Line, f.Back = text, backTo(r)
		return s.write(w, r, http.StatusOK, f)
	}
}

func oneLine(field string, line func(string) (string, error)) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		names, err := namesOf(r.PostForm[field], field)
		if err != nil {
			return "", err
		}
		return line(names[0].Name)
	}
}

func (s *Server) askLine(r *http.Request) (string, error) {
	list, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return "", err
	}
	return s.store.Shell().Ask(list[0])
}

// byName is a line that names are enough for.
func byName(line func(...string) (string, error)) func(...fsstore.Shown) (string, error) {
	return func(list ...fsstore.Shown) (string, error) {
		names := make([]string, len(list))
		for i, m := range list {
			names[i] = m.Name
		}
		return line(names...)
	}
}

// missLine is for one miss, for those that are chosen, or for all that match:
// in a shell those are named, but for all that wait, which are "*".
func (s *Server) missLine(line func(...fsstore.Shown) (string, error)) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		names, err := s.chosen(r.PostForm, "key")
		if err != nil {
			return "", err
		}
		if r.PostForm.Get("all") != "" && len(names) > 1 && len(names) == len(s.view.Jobs(fsstore.Misses)) {
			return line()
		}
		return line(names...)
	}
}

func (s *Server) dismissLine(r *http.Request) (string, error) {
	return s.missLine(byName(func(names ...string) (string, error) {
		return s.store.Shell().Dismiss(dirOf(r), names...)
	}))(r)
}

func (s *Server) retryLine(r *http.Request) (string, error) {
	return oneLine("id", func(name string) (string, error) {
		more, err := retriedWith(r)
		if err != nil {
			return "", err
		}
		return s.store.Shell().RetryWith(dirOf(r), name, more)
	})(r)
}

func (s *Server) againLine(r *http.Request) (string, error) {
	return oneLine("key", func(k string) (string, error) {
		name, rawURL, err := s.fetchedAgain(k)
		if err != nil {
			return "", err
		}
		if name != "" {
			return s.store.Shell().Retry(fsstore.Done, name, "")
		}
		return s.store.Shell().Add(fsstore.Addition{URL: rawURL})
	})(r)
}

func (s *Server) fetchLine(r *http.Request) (string, error) {
	list, err := additions(r.PostForm)
	if err != nil {
		return "", err
	}
	return s.store.Shell().Add(list...)
}

// uploadLine is sent the name of the file alone.
func (s *Server) uploadLine(r *http.Request) (string, error) {
	in := fsstore.Addition{URL: strings.TrimSpace(r.PostForm.Get("url")), SHA256: digestIn(r.PostForm)}
	if in.URL == "" {
		return "", answer.Refuse(http.StatusBadRequest, "write the URL first: it is part of the line")
	}
	if err := accept(&in, nonEmpty(r.PostForm["accept"])); err != nil {
		return "", err
	}
	file := r.PostForm.Get("file")
	if file == "" {
		file = "FILE"
	}
	return s.store.Shell().Put(in, file)
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
