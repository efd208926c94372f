package pages

import (
	"net/http"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

// fetchAgain fetches an artifact again: its job goes back into the queue, or a new
// one is made if its history was cleared.
func (s *Server) fetchAgain(w http.ResponseWriter, r *http.Request) error {
	names, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return err
	}
	name, rawURL, err := s.fetchedAgain(names[0].Name)
	switch {
	case err != nil:
	case name != "":
		err = s.store.RetryAs(fsstore.Done, name, "", s.by(r))
	default:
		_, err = s.store.Add(fsstore.Addition{URL: rawURL}, s.by(r))
	}
	if err != nil {
		return err
	}
	s.view.Reread(names[0].Name)
	return s.finishWithUndo(w, r, templates.Word("did.fetch", names[0].Name), undoOf("approve", names[0].Name))
}

// fetchedAgain returns the job that fetched an artifact, or its URL if that job is
// gone.
func (s *Server) fetchedAgain(k string) (name, rawURL string, err error) {
	a, err := s.store.Artifact(k)
	if err != nil {
		return "", "", err
	}
	if _, err := s.store.JobFile(fsstore.Done, k+".job"); err == nil {
		return k + ".job", "", nil
	}
	if strings.Contains(a.URL, "REDACTED") {
		return "", "", answer.Refuse(http.StatusConflict,
			templates.Word("no.url"))
	}
	return "", a.URL, nil
}
