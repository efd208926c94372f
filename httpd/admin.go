package httpd

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fromcache/fsstore"
)

// The form posts. Each is one verb of the store, the same rename that the
// shell would do; httpd knows of no worker. All end in a redirect, so that a
// reload repeats nothing.

func by(r *http.Request) fsstore.By { return fsstore.By{Via: "web", Addr: clientAddr(r)} }

// done ends a post: words for the next page, and the page that the form was on.
func (s *Server) done(w http.ResponseWriter, r *http.Request, text string) error {
	s.flash(w, r, text)
	redirect(w, backTo(r))
	return nil
}

// backTo is the page that the form was on, where the browser says so and it is
// one of ours.
func backTo(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	switch u.Path {
	case "/misses", "/downloads", "/artifacts", "/add":
		return u.RequestURI()
	}
	return "/"
}

// name takes the file that a form names.
func name(r *http.Request, field string) (string, error) {
	n := r.PostForm.Get(field)
	switch {
	case n == "":
		return "", &refusal{http.StatusBadRequest, "the form lacks " + field + "="}
	case len(n) > 255 || strings.HasPrefix(n, ".") || strings.HasPrefix(n, "-") || strings.ContainsAny(n, "/\x00"):
		return "", &refusal{http.StatusBadRequest, field + "= is not the name of a file in the spool"}
	}
	return n, nil
}

// verb runs what the store does to one named file.
func (s *Server) verb(w http.ResponseWriter, r *http.Request, field, did string, do func(string, fsstore.By) error) error {
	n, err := name(r, field)
	if err != nil {
		return err
	}
	if err := do(n, by(r)); err != nil {
		return err
	}
	s.log.Info(strings.ToLower(did), "name", n, "addr", clientAddr(r))
	return s.done(w, r, did+" "+n)
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "key", "Approved", s.store.Approve)
}

func (s *Server) dismiss(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "key", "Dismissed", s.store.Dismiss)
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "key", "Denied", s.store.Deny)
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "id", "Cancelled", s.store.Cancel)
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "id", "Retried", s.store.Retry)
}

func (s *Server) evict(w http.ResponseWriter, r *http.Request) error {
	return s.verb(w, r, "key", "Evicted", s.store.Evict)
}

func (s *Server) clear(w http.ResponseWriter, r *http.Request) error {
	n, err := s.store.Clear(by(r))
	if err != nil {
		return err
	}
	return s.done(w, r, "Cleared "+strconv.Itoa(n)+" finished jobs")
}

// fetch queues a URL: Add approves its miss where there is one, and makes a
// job where there is none.
func (s *Server) fetch(w http.ResponseWriter, r *http.Request) error {
	a, err := addition(r.PostForm)
	if err != nil {
		return err
	}
	n, err := s.store.Add(a, by(r))
	if err != nil {
		return err
	}
	s.log.Info("queued", "name", n, "addr", clientAddr(r))
	return s.done(w, r, "Queued "+n)
}

func addition(f url.Values) (fsstore.Addition, error) {
	a := fsstore.Addition{URL: strings.TrimSpace(f.Get("url")), SHA256: strings.ToLower(strings.TrimSpace(f.Get("sha256")))}
	switch {
	case a.URL == "":
		return a, &refusal{http.StatusBadRequest, "the form lacks url="}
	case a.SHA256 != "" && !isDigest(a.SHA256):
		return a, &refusal{http.StatusBadRequest, "that is no SHA-256: it has 64 hexadecimal digits"}
	}
	for _, v := range f["accept"] {
		switch v {
		case "text/html":
			a.AcceptHTML = true
		case "any":
			a.AcceptAny = true
		case "http":
			a.AcceptHTTP = true
		default:
			return a, &refusal{http.StatusBadRequest, "accept= is text/html, any or http"}
		}
	}
	return a, nil
}
