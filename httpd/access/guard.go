package access

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// Options of a Guard. The zero value of each field is its default.
type Options struct {
	Password      string       // of the operator; "": everybody is one, see Guard.Check
	SessionSecret []byte       // key of the cookies; empty: random, which a restart changes
	PublicHosts   []string     // names under which the pages may be asked for without a password
	Hostname      string       // this host's own name, which always may
	Logger        *slog.Logger // nil: discard

	GuessRate    rate.Limit // passwords a second from one client; 0: one in 5 s, after a burst of 5
	GuessRateAll rate.Limit // passwords a second in all; 0: one a second, after a burst of 20
}

// Guard says of each request whether it may come in and who sent it.
type Guard struct {
	opt     Options
	log     *slog.Logger
	cross   *http.CrossOriginProtection
	crossed rate.Sometimes // log lines
	signIn  *signIn
}

// New returns a Guard.
func New(o Options) *Guard {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.GuessRate == 0 {
		o.GuessRate = 0.2
	}
	if o.GuessRateAll == 0 {
		o.GuessRateAll = 1
	}
	return &Guard{
		opt: o, log: o.Logger, signIn: newSignIn(o),
		cross: http.NewCrossOriginProtection(), crossed: rate.Sometimes{Interval: time.Minute},
	}
}

// Visitor is who sent a request.
type Visitor struct {
	Read bool             // may see what the pages show
	Act  bool             // may change it
	By   fsstore.Operator // who acts, as a job's log says it
}

// Visitor returns who sent r. A sign-in gives every right, and so does a server without a
// password; nobody else has any.
func (g *Guard) Visitor(r *http.Request) Visitor {
	operator := g.Open() || g.signIn.isOperator(r)
	by := fsstore.Operator{Via: "web", Addr: answer.ClientAddr(r)}
	return Visitor{Read: operator, Act: operator, By: by}
}

// Open reports whether no password is set.
func (g *Guard) Open() bool { return g.opt.Password == "" }

// Check returns nil if a request may come in, else an answer.Refuse of 403. Without a password
// the Host must be a name of this server. What changes something must not have been sent by
// another site's page. It reads only the header.
func (g *Guard) Check(r *http.Request) error {
	if !g.hostAllowed(r.Host) { //guard:httpd.TestRebound
		return answer.Refuse(http.StatusForbidden, "no password is set, so the pages answer only"+
			" under this host's own name or address; start the cache-host with --public-host NAME"+
			" to use another name, or set a password")
	}
	if g.cross.Check(r) != nil { //guard:httpd.TestCrossSite
		g.crossed.Do(func() {
			g.log.Warn("a form that another site sent was refused",
				"addr", answer.ClientAddr(r), "path", r.URL.Path)
		})
		return answer.Refuse(http.StatusForbidden, "this form was sent by another site")
	}
	return nil
}

// Wrap returns a handler that answers what Check refuses, as text, and passes the rest to next.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.Check(r); err != nil {
			code, text := answer.Status(err)
			answer.Text(w, code, text)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed reports whether the pages answer under this Host. Without a password
// they do only under names that no stranger can point here, because a rebound DNS
// name passes every other check.
func (g *Guard) hostAllowed(hostport string) bool {
	if g.opt.Password != "" {
		return true
	}
	host := hostOnly(hostport)
	if host == "" {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "localhost" || host == hostOnly(g.opt.Hostname) {
		return true
	}
	for _, name := range g.opt.PublicHosts {
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
