package pages

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/httpd/answer"
	"fromcache/templates"
)

const (
	// maxForm limits a form in bytes: a URL of 8 KiB, percent-encoded, and more; or a
	// page of names.
	maxForm = 64 << 10
	// maxSignIn limits the form that anybody may send: a password.
	maxSignIn = 8 << 10
	// maxList limits a pasted list of URLs.
	maxList = 2 << 20
)

// operation is the part of a page or form that follows the guards. Its error
// becomes the answer.
type operation func(w http.ResponseWriter, r *http.Request) error

// page guards what only an operator may see or do.
func (s *Server) page(op operation) httprouter.Handle { return s.pageTo(maxForm, op) }

// pageTo is page with a cap of its own on the form. With 0 op reads the body
// itself.
func (s *Server) pageTo(limit int64, op operation) httprouter.Handle {
	return s.gated(func(w http.ResponseWriter, r *http.Request) error {
		v := s.guard.Visitor(r)
		if !v.Read || r.Method == http.MethodPost && !v.Act { //guard:httpd.TestSignIn
			return signInFirst(w, r)
		}
		if r.Method == http.MethodPost {
			if err := s.store.Writable(); err != nil {
				return err
			}
		}
		if err := readForm(w, r, limit); err != nil {
			return err
		}
		if r.Method == http.MethodGet && fromScript(r) {
			key := strconv.FormatBool(takesGzip(r)) + base(r) + r.URL.RequestURI()
			return s.hub.Share(w, key, func(w http.ResponseWriter) error { return op(w, r) })
		}
		return op(w, r)
	})
}

func signInFirst(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost && !wantsHTML(r) {
		return answer.Refuse(http.StatusUnauthorized, templates.Word("no.signin"))
	}
	if fromScript(r) || r.URL.Path == "/events" {
		return answer.Refuse(http.StatusUnauthorized, templates.Word("no.session"))
	}
	redirect(w, r, "ui/login")
	return nil
}

// public guards the sign-in, which needs none.
func (s *Server) public(op operation) httprouter.Handle {
	return s.gated(func(w http.ResponseWriter, r *http.Request) error {
		if err := readForm(w, r, maxSignIn); err != nil {
			return err
		}
		return op(w, r)
	})
}

// gated passes on what the guard lets in. Everything before the sign-in is known reads only
// the header, because a body may have any length.
func (s *Server) gated(op operation) httprouter.Handle {
	guarded := s.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := op(w, r); err != nil {
			s.fail(w, r, err)
		}
	}))
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		secure(w.Header(), r)
		guarded.ServeHTTP(w, r)
	}
}

// readForm reads a form of at most limit bytes.
func readForm(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.Method != http.MethodPost || limit == 0 {
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit) //guard:httpd.TestFormCap
	err := r.ParseForm()
	if err == nil {
		return nil
	}
	if code, _ := answer.Status(err); code == http.StatusRequestEntityTooLarge {
		return err
	}
	return answer.Refuse(http.StatusBadRequest, templates.Word("no.form"))
}

// secure sets the header fields of every page. Referrer-Policy may not be
// no-referrer: browsers then send "Origin: null" with our own forms, and over
// plain HTTP nothing else tells them from another site's.
func secure(h http.Header, r *http.Request) {
	h["Cache-Control"] = answer.NoStore
	h["Content-Security-Policy"] = []string{"default-src 'self'; script-src " +
		scripts(r.Host, answer.Prefix(r)) +
		"; form-action 'self'; frame-ancestors 'none'; base-uri 'self'"}
	h["Referrer-Policy"] = []string{"same-origin"}
	h["X-Content-Type-Options"] = answer.Nosniff
	h["X-Frame-Options"] = []string{"DENY"} //guard:httpd.TestFraming
}

// plainHost matches the hosts that a source of a policy can have (CSP3, 2.3.1): no
// IPv6 address.
var plainHost = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(:[0-9]+)?$`)

// scripts returns the source of scripts for pages under this Host, below prefix:
// /static/ alone, because bytes of origins are served under the same host. Some
// proxies leave the port out, so a host without one allows any.
func scripts(host, prefix string) string {
	if !plainHost.MatchString(host) {
		return "'self'"
	}
	if !strings.Contains(host, ":") {
		host += ":*"
	}
	return host + prefix + "/static/"
}

// wantsHTML reports whether a browser asks, and no script.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// redirect answers 303, so that the browser GETs the page whatever it has sent. The
// page is named from the root of the pages; "." is that root.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header()["Location"] = []string{answer.Prefix(r) + "/" + strings.TrimPrefix(to, ".")}
	w.WriteHeader(http.StatusSeeOther)
}
