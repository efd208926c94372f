package pages

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

// artifactPage is all that is known of one artifact.
type artifactPage struct {
	*fsstore.Artifact
	Row           artifactRow
	Address, Curl string // in the cache, and the command that gets it
	Final         string
	Redirects     []string
	Headers       [][2]string
	Notes         []string
	Approved      string
	Jobs          []jobRow
	Acts          []templates.Action
	Lost          string // why it is not held, and what is done about it
	Hidden        bool   // the URL held a credential, which is kept nowhere
}

func (s *Server) showArtifact(w http.ResponseWriter, r *http.Request) error {
	a, err := s.store.Artifact(strings.TrimPrefix(r.URL.Path, "/artifacts/"))
	if err != nil {
		return err
	}
	f := s.frame(w, r, "artifact")
	f.Artifact = s.artifactPage(r, a)
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) artifactPage(r *http.Request, a *fsstore.Artifact) *artifactPage {
	row := s.artifactRow(&fsstore.ArtifactRow{
		Key: a.Key, URL: a.URL, SHA256: a.SHA256, Size: a.Size, Fetched: a.Fetched, Misses: a.Misses, AtLeast: a.AtLeast, Hits: s.store.Hits(a.Key),
	})
	p := &artifactPage{Artifact: a, Row: row, Final: shown(a.FinalURL, ""), Lost: s.store.Lost(a), Hidden: strings.Contains(a.URL, "REDACTED")}
	p.Address = base(r) + cachePath(a.URL)
	if p.Hidden {
		p.Address = base(r) + "/by-hash/sha256/" + a.SHA256
	}
	p.Curl = "curl -fLO '" + strings.ReplaceAll(p.Address, "'", "%27") + "'"
	for _, n := range a.Notes {
		p.Notes = append(p.Notes, cut(key.RedactText(n), 600))
	}
	for _, u := range a.Redirects {
		p.Redirects = append(p.Redirects, shown(u, ""))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		p.Headers = append(p.Headers, [2]string{name, cut(key.RedactText(a.Header[name]), 600)})
	}
	if ap := a.Approved; ap != nil {
		p.Approved = strings.TrimSpace(ap.Via + " " + ap.Addr)
	}
	again := rowAction("again", "Fetch again", "quiet", "key", a.Key)
	if _, err := s.store.JobFile(fsstore.Done, a.Key+".job"); err == nil {
		again.File = "done/" + a.Key + ".job"
	}
	p.Acts = []templates.Action{again, evictAction(a.Key)}
	s.jobsOf(p)
	return p
}

// jobsOf finds the key's files in the spool.
func (s *Server) jobsOf(p *artifactPage) {
	for i := range sections {
		st := sections[i].state
		for _, j := range slices.Backward(s.view.Jobs(st)) { // the newest has the last name: KEY.job
			if strings.HasPrefix(j.Name, p.Key+".") {
				p.Jobs = append(p.Jobs, s.jobRow(&j))
			}
		}
	}
	for _, j := range s.view.Jobs(fsstore.Active) {
		if j.Key == p.Key {
			p.Jobs = append(p.Jobs, s.jobRow(&j))
		}
	}
}

// base returns scheme, host and path of the root under which the page was asked
// for, without a slash at its end.
func base(r *http.Request) string {
	scheme := "http://"
	if answer.OverTLS(r) {
		scheme = "https://"
	}
	return scheme + r.Host + answer.Prefix(r)
}

// cachePath returns the path at which the cache serves a URL. It ends in the name
// under which tools save it.
func cachePath(raw string) string {
	p := "/b/" + base64.RawURLEncoding.EncodeToString([]byte(raw))
	u, err := key.Parse(raw, key.Auto)
	if err != nil || u.Basename() == "" {
		return p
	}
	return p + "/" + url.PathEscape(u.Basename())
}

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
	return s.finishWithUndo(w, r, "Queued "+names[0].Name, undoOf("Approved", names[0].Name))
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
		return "", "", answer.Refuse(http.StatusConflict, "its URL held a credential, which is kept nowhere: add the whole URL again")
	}
	return "", a.URL, nil
}
