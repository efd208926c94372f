package pages

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// Published is what a site publishes beside a file.
type Published = show.Published

// PublishedDigest is what one list beside a file says of it.
type PublishedDigest = show.PublishedDigest

const (
	// maxLooked is beside how many files digests are looked for at once, because each takes a dozen
	// requests.
	maxLooked = 20
	// lookTimeout is how long that may take.
	lookTimeout = time.Minute
)

// digests looks for the digests that sites publish beside the files of misses, or of an artifact.
// Nothing but this button does. What is found stands in their rows and pages from then on.
func (s *Server) digests(w http.ResponseWriter, r *http.Request) error {
	names, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return err
	}
	if len(names) > maxLooked {
		return answer.Refuse(http.StatusBadRequest, templates.Word("published.toomany", maxLooked))
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	found := eachOf(names, func(m fsstore.Shown) error { return s.lookBeside(ctx, m) })
	s.log.Info("looked for digests", "files", len(names), "found", found, "addr", answer.ClientAddr(r))
	if found == 0 {
		return answer.Refuse(http.StatusNotFound, templates.Word("did.nomiss"))
	}
	miss, err := s.model.Miss(names[0])
	if len(names) > 1 || fromScript(r) || err != nil {
		return s.finish(w, r, templates.Word("did.digests", templates.Word("did.of", found, len(names))))
	}
	f := s.frame(w, r, "ask")
	f.Miss = miss
	return s.write(w, r, http.StatusOK, f)
}

// lookBeside keeps what is published beside the file of a miss, else of an artifact.
func (s *Server) lookBeside(ctx context.Context, m fsstore.Shown) error {
	raw, agent, err := fileOf(s.store, m)
	if err != nil {
		return err
	}
	if s.opt.Published == nil {
		s.model.SaidBeside(m.Name, Published{Trouble: templates.Word("facts.noway")})
		return nil
	}
	s.model.SaidBeside(m.Name, s.opt.Published(ctx, raw, agent))
	return nil
}

// fileOf returns the URL of a miss or an artifact, and what client asks for it.
func fileOf(s *fsstore.Store, m fsstore.Shown) (raw, agent string, err error) {
	j, err := s.JobFile(fsstore.Misses, m.Name)
	if err == nil {
		return variantURL(&j, m.Sum), j.Job.UserAgent(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	a, err := s.Artifact(m.Name)
	if err != nil {
		return "", "", err
	}
	return a.URL, "", nil
}

// approveWith approves the URL of a miss that was shown, with the digest that its bytes must have.
func approveWith(s *fsstore.Store, m fsstore.Shown, sum string, by fsstore.Operator) error {
	j, err := s.JobFile(fsstore.Misses, m.Name)
	if err != nil {
		return err
	}
	for _, v := range j.Job.Variants() {
		if v.Sum() == m.Sum {
			_, err := s.Add(fsstore.Addition{URL: v.URL, SHA256: sum}, by)
			return err
		}
	}
	return answer.Refuse(http.StatusConflict, templates.Word("published.moved"))
}
