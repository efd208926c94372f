package pages

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// Verbs that no button can undo ask for confirmation: with JavaScript in a dialog
// before the post, without in a page that the post answers with. Clients that don't
// want HTML are scripts, and are not asked.

// confirmation is the page that asks.
type confirmation struct {
	Question, Label, To string
	Fields              url.Values
}

// evictHeld is the question for what there is; "": the verb itself says that there
// is nothing.
func (s *Server) evictHeld(k string) string {
	if _, err := s.store.Artifact(k); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return show.EvictQuestion()
}

// denyHost is the question for what a form would deny; "": a single key, of which
// each button names its own.
func denyHost(name string) string {
	if name == "" || key.Valid(strings.TrimSuffix(name, ".job")) {
		return ""
	}
	return templates.Word("denyhost.ask", show.Cut(key.RedactText(name), 300))
}

// asksWhether answers with a page that asks, where one is to.
func (s *Server) asksWhether(
	w http.ResponseWriter, r *http.Request, question func(name string) string,
) (asked bool, err error) {
	if fromScript(r) || !wantsHTML(r) || r.PostForm.Get("sure") != "" || r.PostForm.Get("all") != "" {
		return false, nil
	}
	list, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(m fsstore.Shown) bool { return question(m.Name) != "" })
	if i < 0 {
		return false, nil
	}
	name := list[i].Name
	f := s.frame(w, r, "sure")
	f.Back = backTo(r)
	f.Sure = &confirmation{
		question(name),
		templates.Word("sure.yes"),
		strings.TrimPrefix(r.URL.Path, "/"),
		url.Values{"sure": {"1"}, "key": r.PostForm["key"]},
	}
	f.Text = show.Cut(key.RedactText(name), 300)
	return true, s.write(w, r, http.StatusOK, f)
}
