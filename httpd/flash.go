package httpd

import (
	"net/http"

	"github.com/gorilla/sessions"
)

// flash leaves words for the next page. They travel in a signed cookie, so
// that no link can put words on a page; where the cookie fails they are lost,
// and nothing else is.
func (s *Server) flash(w http.ResponseWriter, r *http.Request, text string) {
	f := sessions.NewSession(s.signIn.flash, flashCookie)
	opts := *s.signIn.flash.Options
	opts.Secure = overTLS(r)
	f.Options = &opts
	f.Values["text"] = cut(text, 500)
	if err := s.signIn.flash.Save(r, w, f); err != nil {
		s.complain(&s.broken, "flash", err)
	}
}

// takeFlash returns the words and takes the cookie away.
func (s *Server) takeFlash(w http.ResponseWriter, r *http.Request) string {
	f, err := s.signIn.flash.New(r, flashCookie)
	if err != nil || f.IsNew {
		return ""
	}
	text, _ := f.Values["text"].(string)
	f.Options.MaxAge = -1
	f.Options.Secure = overTLS(r)
	clear(f.Values)
	if err := s.signIn.flash.Save(r, w, f); err != nil {
		return ""
	}
	return text
}

// cut shortens ASCII text for a page.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
