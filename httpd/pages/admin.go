package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// The form posts. Each is one verb of the store, the same rename that the
// shell would do; httpd knows of no worker. All end in a redirect, so that a
// reload repeats nothing.

func by(r *http.Request) fsstore.By { return fsstore.By{Via: "web", Addr: answer.ClientAddr(r)} }

// dirOf is the directory of the row that a button is in, for another may hold a
// file of the same name; "" where a script posts the name alone.
func dirOf(r *http.Request) fsstore.State { return fsstore.State(r.Form.Get("in")) }

// done ends a post: words for the next page, and the page that the form was
// on. A page that shows changes by itself gets the words alone.
func (s *Server) done(w http.ResponseWriter, r *http.Request, text string) error {
	return s.doneBut(w, r, text, nil)
}

// doneBut is done of what can be taken back.
func (s *Server) doneBut(w http.ResponseWriter, r *http.Request, text string, back *undo) error {
	s.hub.turn.Add(1) // who did it sees it
	if isLive(r) {
		if back != nil {
			w.Header()["X-Fromcache-Undo"] = []string{back.String()}
		}
		answer.Text(w, http.StatusOK, text)
		return nil
	}
	s.flash(w, r, text, back)
	redirect(w, backTo(r))
	return nil
}

var lists = []string{"/misses", "/downloads", "/artifacts", "/add", "/stats"}

// backTo is the page that the form was on, where the browser says so and it is
// one of ours.
func backTo(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	stays := r.URL.Path == "/admin/again"
	switch {
	case slices.Contains(lists, u.Path), stays && (u.Path == "/job" || strings.HasPrefix(u.Path, "/artifacts/")):
		return u.RequestURI()
	case u.Path == "/job": // it may have another address now
		return "/downloads"
	case strings.HasPrefix(u.Path, "/artifacts/"), u.Path == "/admin/evict":
		return "/artifacts"
	case u.Path == "/admin/ask", u.Path == "/admin/deny":
		return "/misses"
	}
	return "/"
}

// isLive: the script of our pages asks.
func isLive(r *http.Request) bool {
	return r.Header.Get("X-Fromcache-Live") != "" || r.Header.Get("Hx-Request") != ""
}

// named is a verb that a name is enough for.
func named(do func(string, fsstore.By) error) func(fsstore.Shown, fsstore.By) error {
	return func(m fsstore.Shown, by fsstore.By) error { return do(m.Name, by) }
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) error {
	return s.each(w, r, "key", "Approved", func(m fsstore.Shown, by fsstore.By) error { return s.store.Approve(m.Name, m.Sum, by) }) //guard:cmd/fromcache-torture.TestRandomKill
}

func (s *Server) dismiss(w http.ResponseWriter, r *http.Request) error {
	st := dirOf(r)
	return s.each(w, r, "key", "Dismissed", func(m fsstore.Shown, by fsstore.By) error { return s.store.DismissIn(st, m.Name, by) })
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request) error {
	if asked, err := s.asksWhether(w, r, denyHost); asked || err != nil {
		return err
	}
	return s.each(w, r, "key", "Denied", named(s.store.Deny))
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) error {
	return s.each(w, r, "id", "Cancelled", named(s.store.Cancel))
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request) error {
	st := dirOf(r)
	more, err := retriedWith(r)
	if err != nil {
		return err
	}
	return s.each(w, r, "id", "Retried", func(m fsstore.Shown, by fsstore.By) error { return s.store.RetryWith(st, m.Name, more, by) })
}

// retriedWith is what a retry adds to its job.
func retriedWith(r *http.Request) (more fsstore.Addition, err error) {
	more.URL, more.SHA256 = strings.TrimSpace(r.PostForm.Get("url")), digestIn(r.PostForm)
	return more, accept(&more, nonEmpty(r.Form["accept"]))
}

func (s *Server) evict(w http.ResponseWriter, r *http.Request) error {
	if asked, err := s.asksWhether(w, r, s.evictHeld); asked || err != nil {
		return err
	}
	return s.each(w, r, "key", "Evicted", named(s.store.Evict))
}

func (s *Server) clear(w http.ResponseWriter, r *http.Request) error {
	n, err := s.store.Clear(by(r))
	if err != nil {
		return err
	}
	s.view.Relist(fsstore.Done)
	s.view.Relist(fsstore.Cancelled)
	return s.done(w, r, "Cleared "+strconv.Itoa(n)+" finished jobs")
}
