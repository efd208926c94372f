package read

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// choice is one artifact of several that have a basename.
type choice struct {
	Href    string    `json:"href"` // by digest, relative to the address that was asked for
	URL     string    `json:"url"`  // redacted
	Key     string    `json:"key"`
	Size    int64     `json:"size"`
	SHA256  string    `json:"sha256"`
	Fetched time.Time `json:"fetched_at"`
}

func choiceOf(a *fsstore.Artifact) choice {
	return choice{Href: "../by-hash/sha256/" + a.SHA256, URL: a.URL, Key: a.Key, Size: a.Size, SHA256: a.SHA256, Fetched: a.Fetched}
}

// byName answers /by-name/<basename> with the artifact whose URL ends so, or with 300 and a list
// where several do that have different bytes. It notes no miss, because a name is no URL.
func (s *Server) byName(w http.ResponseWriter, r *http.Request, p httprouter.Params) answer.Outcome {
	found := s.store.ByName(p[0].Value)
	switch {
	case len(found) == 0:
		w.Header()["Cache-Status"] = nameMissed
		answer.Text(w, http.StatusNotFound, "not held under that name")
		return answer.Outcome{Result: answer.Absent, Status: http.StatusNotFound}
	case !sameBytes(found):
		s.sendChoices(w, r, found)
		return answer.Outcome{Result: answer.Page, Status: http.StatusMultipleChoices}
	}
	_, f, err := s.store.OpenDigest(found[0].SHA256)
	if err != nil {
		return s.errs.Fail(w, err)
	}
	defer f.Close()
	return s.send(w, r, s.replies.of(found[0]), f)
}

func sameBytes(found []*fsstore.Artifact) bool {
	for _, a := range found[1:] {
		if a.SHA256 != found[0].SHA256 {
			return false
		}
	}
	return true
}

// sendChoices lists what may be meant, as JSON where the client takes that.
func (s *Server) sendChoices(w http.ResponseWriter, r *http.Request, found []*fsstore.Artifact) {
	h := w.Header()
	h["Vary"] = []string{"Accept"}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		list := make([]choice, len(found))
		for i, a := range found {
			list[i] = choiceOf(a)
		}
		sendJSON(w, http.StatusMultipleChoices, list)
		return
	}
	var b strings.Builder
	b.WriteString("several artifacts have that name; ask for one of them:\n")
	for _, a := range found {
		c := choiceOf(a)
		fmt.Fprintf(&b, "%s  %d  %s\n", c.Href, c.Size, c.URL)
	}
	answer.Text(w, http.StatusMultipleChoices, strings.TrimSuffix(b.String(), "\n"))
}

func sendJSON(w http.ResponseWriter, code int, v any) {
	h := w.Header()
	h["Cache-Control"] = answer.NoStore
	h["Content-Type"] = []string{"application/json"}
	h["X-Content-Type-Options"] = answer.Nosniff
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}
