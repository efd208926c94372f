package pages

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fromcache/httpd/answer"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/sessions"
	"golang.org/x/time/rate"
)

const (
	sessionCookie = "fromcache-session"
	flashCookie   = "fromcache-flash"
	sessionAge    = 7 * 24 * time.Hour
	flashAge      = time.Minute
)

// signIn tells operators: they have a cookie that this server signed for the
// password in force. A new password or session-secret signs everyone out.
type signIn struct {
	off     bool // no password: everyone is
	secret  []byte
	tag     []byte // of the password
	session *sessions.CookieStore
	flash   *sessions.CookieStore
	byAddr  *limiter
	all     *rate.Limiter
	allRate rate.Limit
	refused rate.Sometimes // log lines
	crossed rate.Sometimes
}

func newSignIn(o Options) *signIn {
	secret := o.SessionSecret
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret)
	}
	in := &signIn{
		off: o.Password == "", secret: secret, session: cookies(secret, "session", sessionAge), flash: cookies(secret, "flash", flashAge),
		byAddr: newLimiter(o.GuessRate, 5), all: rate.NewLimiter(o.GuessRateAll, 20), allRate: o.GuessRateAll,
		refused: rate.Sometimes{Interval: time.Minute}, crossed: rate.Sometimes{Interval: time.Minute},
	}
	in.tag = in.tagOf(o.Password)
	return in
}

// cookies makes a store with a key of its own for each purpose.
func cookies(secret []byte, purpose string, age time.Duration) *sessions.CookieStore {
	c := sessions.NewCookieStore(mac(secret, "cookie "+purpose))
	c.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	c.MaxAge(int(age / time.Second))
	return c
}

func mac(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (in *signIn) tagOf(password string) []byte { return mac(in.secret, "password "+password) }

// isOperator reports whether the request comes from an operator.
func (in *signIn) isOperator(r *http.Request) bool {
	if in.off {
		return true
	}
	session, err := in.session.New(r, sessionCookie)
	if err != nil || session.IsNew {
		return false
	}
	tag, _ := session.Values["password"].(string)
	return hmac.Equal([]byte(tag), []byte(hex.EncodeToString(in.tag))) //guard:httpd.TestNewPassword
}

// begin starts a new session. It keeps nothing of a cookie that came in.
func (in *signIn) begin(w http.ResponseWriter, r *http.Request) error {
	fresh := sessions.NewSession(in.session, sessionCookie)
	opts := *in.session.Options
	opts.Secure = overTLS(r)
	fresh.Options = &opts
	fresh.Values["password"] = hex.EncodeToString(in.tag)
	fresh.Values["id"] = rand.Text()
	return in.session.Save(r, w, fresh)
}

func (in *signIn) end(w http.ResponseWriter, r *http.Request) error {
	gone := sessions.NewSession(in.session, sessionCookie)
	opts := *in.session.Options
	opts.Secure = overTLS(r)
	opts.MaxAge = -1
	gone.Options = &opts
	return in.session.Save(r, w, gone)
}

func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// mayGuess takes one try from the client's share and from that of all. It comes
// before the password is compared, so that a right one is as slow as a wrong one.
func (in *signIn) mayGuess(r *http.Request) (wait time.Duration, ok bool) {
	if wait, ok := in.byAddr.allow(clientNet(r)); !ok { //guard:httpd.TestGuesses
		return wait, false
	}
	return take(in.all, in.allRate) //guard:httpd.TestGuesses
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	if s.signIn.isOperator(r) {
		redirect(w, "/")
		return nil
	}
	s.render(w, r, http.StatusOK, "login", "")
	return nil
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if s.signIn.off {
		redirect(w, "/")
		return nil
	}
	if wait, ok := s.signIn.mayGuess(r); !ok {
		return s.tooFast(w, r, wait)
	}
	if !hmac.Equal(s.signIn.tagOf(r.PostForm.Get("password")), s.signIn.tag) {
		s.log.Warn("sign-in: wrong password", "addr", answer.ClientAddr(r))
		if wantsHTML(r) {
			s.render(w, r, http.StatusUnauthorized, "login", "That is not the password.")
			return nil
		}
		return answer.Refuse(http.StatusUnauthorized, "that is not the password")
	}
	s.log.Info("sign-in", "addr", answer.ClientAddr(r))
	if err := s.signIn.begin(w, r); err != nil {
		return err
	}
	redirect(w, "/")
	return nil
}

func (s *Server) tooFast(w http.ResponseWriter, r *http.Request, wait time.Duration) error {
	s.signIn.refused.Do(func() { s.log.Warn("sign-in: too many tries", "addr", answer.ClientAddr(r)) })
	after := strconv.Itoa(max(1, seconds(wait)))
	w.Header()["Retry-After"] = []string{after}
	if wantsHTML(r) {
		s.render(w, r, http.StatusTooManyRequests, "login", "Too many tries. Wait "+after+" s and try again.")
		return nil
	}
	return answer.Refuse(http.StatusTooManyRequests, "too many tries: wait "+after+" s")
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.signIn.end(w, r); err != nil {
		return err
	}
	redirect(w, "/ui/login")
	return nil
}
