package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

// The form posts. Each is one verb of the store, the same rename that the
// shell would do; httpd knows of no worker. All end in a redirect, so that a
// reload repeats nothing.

func (s *Server) by(r *http.Request) fsstore.Operator { return s.guard.Visitor(r).By }

// dirOf returns the directory of the row that a button is in, because another may
// hold a file of the same name; "" where a script posts the name alone.
func dirOf(r *http.Request) fsstore.State { return fsstore.State(r.Form.Get("in")) }

// finish answers a post: a redirect to the page that the form was on, which will
// show text. Our script gets the text alone.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, text string) error {
	return s.finishWithUndo(w, r, text, nil)
}

// finishWithUndo is finish with an undo; nil: there is none.
func (s *Server) finishWithUndo(
	w http.ResponseWriter, r *http.Request, text string, back *undo,
) error {
	s.hub.Changed()
	if fromScript(r) {
		if back != nil {
			w.Header()["X-Fromcache-Undo"] = []string{back.String()}
		}
		answer.Text(w, http.StatusOK, text)
		return nil
	}
	s.flash(w, r, text, back)
	redirect(w, r, backTo(r))
	return nil
}

var lists = []string{"misses", "downloads", "artifacts", "add", "stats", "rules"}

// backTo returns the page that the form was on, if the Referer names one of ours,
// else a page where its outcome is. It names it from the root of the pages.
func backTo(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "."
	}
	root := answer.Prefix(r) + "/"
	path, ours := strings.CutPrefix(u.EscapedPath(), root)
	stays := r.URL.Path == "/admin/again" || r.URL.Path == "/admin/digests"
	switch {
	case !ours:
	case slices.Contains(lists, path),
		stays && (path == "job" || strings.HasPrefix(path, "artifacts/")):
		return strings.TrimPrefix(u.RequestURI(), root)
	case path == "job": // it may have another address now
		return "downloads"
	case strings.HasPrefix(path, "artifacts/"), path == "admin/evict":
		return "artifacts"
	case path == "admin/ask", path == "admin/digests", path == "admin/deny":
		return "misses"
	}
	return "."
}

// fromScript reports whether the script of our pages asks.
func fromScript(r *http.Request) bool {
	return r.Header.Get("X-Fromcache-Live") != "" || r.Header.Get("Hx-Request") != ""
}

// byName adapts a verb that needs a name only.
func byName(do func(string, fsstore.Operator) error) func(fsstore.Shown, fsstore.Operator) error {
	return func(m fsstore.Shown, by fsstore.Operator) error { return do(m.Name, by) }
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) error {
	if sum := digestIn(r.Form); sum != "" {
		return s.doEach(w, r, "key", "approve", func(m fsstore.Shown, by fsstore.Operator) error {
			return approveWith(s.store, m, sum, by)
		})
	}
	return s.doEach(w, r, "key", "approve", func(m fsstore.Shown, by fsstore.Operator) error {
		return s.store.Approve(m.Name, m.Sum, by)
	})
}

func (s *Server) dismiss(w http.ResponseWriter, r *http.Request) error {
	st := dirOf(r)
	return s.doEach(w, r, "key", "dismiss", func(m fsstore.Shown, by fsstore.Operator) error {
		return s.store.DismissIn(st, m.Name, by)
	})
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request) error {
	if asked, err := s.asksWhether(w, r, denyHost); asked || err != nil {
		return err
	}
	return s.doEach(w, r, "key", "deny", byName(s.store.Deny))
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) error {
	return s.doEach(w, r, "id", "cancel", byName(s.store.Cancel))
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request) error {
	st := dirOf(r)
	more, err := retriedWith(r)
	if err != nil {
		return err
	}
	return s.doEach(w, r, "id", "retry", func(m fsstore.Shown, by fsstore.Operator) error {
		return s.store.RetryWith(st, m.Name, more, by)
	})
}

// retriedWith returns what a retry adds to its job.
func retriedWith(r *http.Request) (more fsstore.Addition, err error) {
	more.URL, more.SHA256 = strings.TrimSpace(r.PostForm.Get("url")), digestIn(r.PostForm)
	return more, accept(&more, nonEmpty(r.Form["accept"]))
}

func (s *Server) evict(w http.ResponseWriter, r *http.Request) error {
	if asked, err := s.asksWhether(w, r, s.evictHeld); asked || err != nil {
		return err
	}
	return s.doEach(w, r, "key", "evict", byName(s.store.Evict))
}

func (s *Server) clear(w http.ResponseWriter, r *http.Request) error {
	n, err := s.store.Clear(s.by(r))
	if err != nil {
		return err
	}
	s.view.Relist(fsstore.Done)
	s.view.Relist(fsstore.Cancelled)
	return s.finish(w, r, templates.Word("did.clear", n))
}
