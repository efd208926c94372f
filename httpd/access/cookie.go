package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"fromcache/httpd/answer"
)

// Cookie is a signed cookie, which nobody else can make or change. What it holds can be read by
// whoever has it.
type Cookie struct {
	name  string
	store *sessions.CookieStore
}

// Cookie returns the cookie of a name and a lifetime. Its key is of the session secret and of
// purpose, so that no cookie passes for another.
func (g *Guard) Cookie(name, purpose string, age time.Duration) *Cookie {
	return newCookie(g.signIn.secret, name, purpose, age)
}

func newCookie(secret []byte, name, purpose string, age time.Duration) *Cookie {
	c := sessions.NewCookieStore(mac(secret, "cookie "+purpose))
	c.Options = &sessions.Options{HttpOnly: true, SameSite: http.SameSiteLaxMode}
	c.MaxAge(int(age / time.Second))
	return &Cookie{name, c}
}

func mac(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Read returns what the cookie of a request holds, or nil if it has none that is sound.
func (c *Cookie) Read(r *http.Request) map[string]string {
	s, err := c.store.New(r, c.name)
	if err != nil || s.IsNew {
		return nil
	}
	values := map[string]string{}
	for k, v := range s.Values {
		name, _ := k.(string)
		values[name], _ = v.(string)
	}
	return values
}

// Set sets the cookie. It keeps nothing of one that came in.
func (c *Cookie) Set(w http.ResponseWriter, r *http.Request, values map[string]string) error {
	return c.save(w, r, values, c.store.Options.MaxAge)
}

// Remove has the browser forget the cookie.
func (c *Cookie) Remove(w http.ResponseWriter, r *http.Request) error {
	return c.save(w, r, nil, -1)
}

func (c *Cookie) save(
	w http.ResponseWriter, r *http.Request, values map[string]string, age int,
) error {
	s := sessions.NewSession(c.store, c.name)
	opts := *c.store.Options
	opts.Path, opts.Secure, opts.MaxAge = answer.Prefix(r)+"/", answer.OverTLS(r), age
	s.Options = &opts
	for k, v := range values {
		s.Values[k] = v
	}
	return c.store.Save(r, w, s)
}
