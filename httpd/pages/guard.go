package pages

import (
	"fromcache/httpd/answer"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"
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
		if !s.signIn.isOperator(r) { //guard:httpd.TestSignIn
			return signInFirst(w, r)
		}
		if err := readForm(w, r, limit); err != nil {
			return err
		}
		if r.Method == http.MethodGet && fromScript(r) {
			return s.again(w, r, op)
		}
		return op(w, r)
	})
}

func signInFirst(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost && !wantsHTML(r) {
		return answer.Refuse(http.StatusUnauthorized, "sign in first, at /ui/login")
	}
	if fromScript(r) || r.URL.Path == "/events" {
		return answer.Refuse(http.StatusUnauthorized, "sign in again")
	}
	redirect(w, "/ui/login")
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

// gated checks the Host and the site that a request comes from. Everything before
// the sign-in is known reads only the header, because a body may have any length.
func (s *Server) gated(op operation) httprouter.Handle {
	guarded := s.cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := op(w, r); err != nil {
			s.fail(w, r, err)
		}
	}))
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		secure(w.Header(), r.Host)
		if !s.hostAllowed(r.Host) { //guard:httpd.TestRebound
			answer.Text(w, http.StatusForbidden, "no password is set, so the pages answer only under this host's own name or address;"+
				" start the cache-host with --public-host NAME to use another name, or set a password")
			return
		}
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
	return answer.Refuse(http.StatusBadRequest, "the form can't be read")
}

// secure sets the header fields of every page. Referrer-Policy may not be
// no-referrer: browsers then send "Origin: null" with our own forms, and over
// plain HTTP nothing else tells them from another site's.
func secure(h http.Header, host string) {
	h["Cache-Control"] = answer.NoStore
	h["Content-Security-Policy"] = []string{"default-src 'self'; script-src " + scripts(host) + "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"}
	h["Referrer-Policy"] = []string{"same-origin"}
	h["X-Content-Type-Options"] = answer.Nosniff
	h["X-Frame-Options"] = []string{"DENY"} //guard:httpd.TestFraming
}

// plainHost matches the hosts that a source of a policy can have (CSP3, 2.3.1): no
// IPv6 address.
var plainHost = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(:[0-9]+)?$`)

// scripts returns the source of scripts for pages under this Host: /static/ alone,
// because bytes of origins are served under the same host. Some proxies leave the
// port out, so a host without one allows any.
func scripts(host string) string {
	if !plainHost.MatchString(host) {
		return "'self'"
	}
	if !strings.Contains(host, ":") {
		host += ":*"
	}
	return host + "/static/"
}

// hostAllowed reports whether the pages answer under this Host. Without a password
// they do only under names that no stranger can point here, because a rebound DNS
// name passes every other check.
func (s *Server) hostAllowed(hostport string) bool {
	if s.opt.Password != "" {
		return true
	}
	host := hostOnly(hostport)
	if host == "" {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "localhost" || host == hostOnly(s.opt.Hostname) {
		return true
	}
	for _, name := range s.opt.PublicHosts {
		if host == hostOnly(name) {
			return true
		}
	}
	return false
}

// hostOnly is a host without port, brackets and final dot, in lower case.
func hostOnly(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (s *Server) refuseCrossSite(w http.ResponseWriter, r *http.Request) {
	s.signIn.crossed.Do(func() {
		s.log.Warn("a form that another site sent was refused", "addr", answer.ClientAddr(r), "path", r.URL.Path)
	})
	answer.Text(w, http.StatusForbidden, "this form was sent by another site")
}

// wantsHTML reports whether a browser asks, and no script.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// redirect answers 303, so that the browser GETs the page whatever it has sent.
func redirect(w http.ResponseWriter, to string) {
	w.Header()["Location"] = []string{to}
	w.WriteHeader(http.StatusSeeOther)
}

// seconds rounds up, for Retry-After.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
