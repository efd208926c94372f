package pages

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"fromcache/httpd/show"
)

const (
	flashCookie = "fromcache-flash"
	flashAge    = time.Minute
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
func (s *screen) flash(w http.ResponseWriter, r *http.Request, text string, back *undo) {
	err := s.flashes.Set(w, r, map[string]string{"text": show.Cut(text, 500), "undo": back.String()})
	if err != nil {
		s.errs.Error("a message for the next page is lost", err)
	}
}

// takeFlash returns the message and removes the cookie.
func (s *screen) takeFlash(w http.ResponseWriter, r *http.Request) (text string, back *undo) {
	if fromScript(r) {
		return "", nil // a part of a page has no place for them
	}
	f := s.flashes.Read(r)
	if f == nil || s.flashes.Remove(w, r) != nil {
		return "", nil
	}
	return f["text"], undoIn(f["undo"])
}
