package pages

import (
	"net/http"
	"net/url"
	"strings"

	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

func (s *Server) showRules(w http.ResponseWriter, r *http.Request) (err error) {
	f := s.frame(w, r, "rules")
	if f.Rules, err = s.model.Rules(); err != nil {
		return err
	}
	f.Rules.For = show.Cut(key.RedactText(r.URL.Query().Get("host")), 300)
	return s.write(w, r, http.StatusOK, f)
}

// addRule makes a rule of what the form says: each of its fields is a word of the rule's file.
func (s *Server) addRule(w http.ResponseWriter, r *http.Request) error {
	name := strings.ToLower(strings.TrimSpace(r.PostForm.Get("key")))
	if name == "" {
		return answer.Refuse(http.StatusBadRequest, templates.Word("no.field", "key"))
	}
	var lines []string
	for _, word := range []string{"path", "max-size", "budget", "until", "digest"} {
		for _, value := range nonEmpty(r.PostForm[word]) {
			lines = append(lines, word+" "+strings.TrimSpace(value))
		}
	}
	if err := s.store.Allowed.Add(name, lines, s.by(r)); err != nil {
		return err
	}
	text := templates.Word("did.rule", name)
	if rule, err := s.store.Allowed.Rule(name); err == nil && rule.Warning() != "" {
		text += ": " + rule.Warning()
	}
	return s.finishWithUndo(w, r, text, &undo{"admin/unrule", url.Values{"key": {name}}})
}

func (s *Server) removeRule(w http.ResponseWriter, r *http.Request) error {
	return s.doEach(w, r, "key", "unrule", byName(s.store.Allowed.Remove))
}

func (s *Server) undeny(w http.ResponseWriter, r *http.Request) error {
	return s.doEach(w, r, "key", "undeny", byName(s.store.Allow))
}
