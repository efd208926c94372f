package access

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"fromcache/httpd/answer"
)

const (
	sessionCookie = "fromcache-session"
	sessionAge    = 7 * 24 * time.Hour
)

// signIn tells operators: they have a cookie that this server signed for the
// password in force. A new password or session-secret signs everyone out.
type signIn struct {
	secret  []byte
	tag     []byte // of the password
	session *Cookie
	byAddr  *limiter
	all     *rate.Limiter
	allRate rate.Limit
	refused rate.Sometimes // log lines
}

func newSignIn(o Options) *signIn {
	secret := o.SessionSecret
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret)
	}
	in := &signIn{
		secret: secret, session: newCookie(secret, sessionCookie, "session", sessionAge),
		byAddr: newLimiter(o.GuessRate, 5),
		all:    rate.NewLimiter(o.GuessRateAll, 20), allRate: o.GuessRateAll,
		refused: rate.Sometimes{Interval: time.Minute},
	}
	in.tag = in.tagOf(o.Password)
	return in
}

func (in *signIn) tagOf(password string) []byte { return mac(in.secret, "password "+password) }

// isOperator reports whether the request comes from an operator.
func (in *signIn) isOperator(r *http.Request) bool {
	tag := in.session.Read(r)["password"]
	return hmac.Equal([]byte(tag), []byte(hex.EncodeToString(in.tag))) //guard:httpd.TestNewPassword
}

// begin starts a new session. It keeps nothing of a cookie that came in.
func (in *signIn) begin(w http.ResponseWriter, r *http.Request) error {
	return in.session.Set(w, r, map[string]string{
		"password": hex.EncodeToString(in.tag),
		"id":       rand.Text(),
	})
}

// mayGuess takes one try from the client's share and from that of all. It comes
// before the password is compared, so that a right one is as slow as a wrong one.
func (in *signIn) mayGuess(r *http.Request) (wait time.Duration, ok bool) {
	if wait, ok := in.byAddr.allow(clientNet(r)); !ok { //guard:httpd.TestGuesses
		return wait, false
	}
	return take(in.all, in.allRate) //guard:httpd.TestGuesses
}

// ErrWrongPassword is what SignIn returns for any other password.
var ErrWrongPassword = errors.New("that is not the password")

// TooFast is the error of a try that comes too early.
type TooFast struct {
	Wait int // until the next try, in seconds
}

func (e *TooFast) Error() string { return fmt.Sprintf("too many tries: wait %d s", e.Wait) }

// SignIn sets the session cookie if the password is right. Otherwise its error is
// ErrWrongPassword or a *TooFast: how often a client may try, and how often all may, is limited.
// Without a password nobody needs to sign in, and no cookie is set.
func (g *Guard) SignIn(w http.ResponseWriter, r *http.Request, password string) error {
	in := g.signIn
	if g.Open() {
		return nil
	}
	if wait, ok := in.mayGuess(r); !ok {
		in.refused.Do(func() { g.log.Warn("sign-in: too many tries", "addr", answer.ClientAddr(r)) })
		return &TooFast{max(1, seconds(wait))}
	}
	if !hmac.Equal(in.tagOf(password), in.tag) {
		g.log.Warn("sign-in: wrong password", "addr", answer.ClientAddr(r))
		return ErrWrongPassword
	}
	g.log.Info("sign-in", "addr", answer.ClientAddr(r))
	return in.begin(w, r)
}

// SignOut has the browser forget its session.
func (g *Guard) SignOut(w http.ResponseWriter, r *http.Request) error {
	return g.signIn.session.Remove(w, r)
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
