package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/sessions"
)

// undo is the post that undoes an action; nil if there is none.
type undo struct {
	To     string
	Fields url.Values
}

func (u *undo) String() string {
	if u == nil {
		return ""
	}
	return u.To + "?" + u.Fields.Encode()
}

func undoIn(text string) *undo {
	to, query, _ := strings.Cut(text, "?")
	fields, err := url.ParseQuery(query)
	if err != nil || to == "" {
		return nil
	}
	return &undo{to, fields}
}

// flash leaves a message for the next page, and the undo of what it tells. Both
// travel in a signed cookie, so that no link can put a message on a page.
func (s *Server) flash(w http.ResponseWriter, r *http.Request, text string, back *undo) {
	f := sessions.NewSession(s.signIn.flash, flashCookie)
	opts := *s.signIn.flash.Options
	opts.Secure = overTLS(r)
	f.Options = &opts
	f.Values["text"], f.Values["undo"] = cut(text, 500), back.String()
	if err := s.signIn.flash.Save(r, w, f); err != nil {
		s.errs.Error("a message for the next page is lost", err)
	}
}

// takeFlash returns the message and removes the cookie.
func (s *Server) takeFlash(w http.ResponseWriter, r *http.Request) (text string, back *undo) {
	if fromScript(r) {
		return "", nil // a part of a page has no place for them
	}
	f, err := s.signIn.flash.New(r, flashCookie)
	if err != nil || f.IsNew {
		return "", nil
	}
	text, _ = f.Values["text"].(string)
	taken, _ := f.Values["undo"].(string)
	f.Options.MaxAge = -1
	f.Options.Secure = overTLS(r)
	clear(f.Values)
	if err := s.signIn.flash.Save(r, w, f); err != nil {
		return "", nil
	}
	return text, undoIn(taken)
}

// cut shortens ASCII text for a page.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
