package pages

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// OriginFacts is what an origin says of a URL when it is asked for its header
// alone.
type OriginFacts struct {
	Status    int
	Size      int64 // -1: it doesn't say
	Type      string
	Modified  time.Time // zero: it doesn't say
	Final     string    // URL that answered
	Redirects int
}

// facts are OriginFacts as text, redacted.
type facts struct {
	Key, URL, Trouble            string
	Status, Size, Type, Modified string
	Final, Host                  string
	Redirects                    int
	Acts                         []templates.Action
}

// askTimeout is how long an origin may take: an operator waits for it.
const askTimeout = 20 * time.Second

// ask asks the origin of one miss for its header. Nothing but this button does.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) error {
	names, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return err
	}
	j, err := s.store.JobFile(fsstore.Misses, names[0].Name)
	if err != nil {
		return err
	}
	raw := variantURL(&j, names[0].Sum)
	found := &facts{Key: j.Name, URL: show.URL(raw, j.Name)}
	if s.opt.Head == nil {
		found.Trouble = "this server has no way to ask"
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		o, err := s.opt.Head(ctx, raw, j.Job.UserAgent())
		found.say(o, err)
	}
	s.log.Info("asked the origin", "name", j.Name, "addr", answer.ClientAddr(r))
	if fromScript(r) {
		return s.fragment(w, "facts", found)
	}
	f := s.frame(w, r, "ask")
	found.Acts = show.Deciding(&j, raw)
	f.Facts = found
	return s.write(w, r, http.StatusOK, f)
}

// variantURL returns the URL of a miss that has this sum, or the newest.
func variantURL(j *fsstore.JobFile, sum string) string {
	for _, v := range j.Job.Variants() {
		if sum != "" && v.Sum() == sum {
			return v.URL
		}
	}
	return j.Job.FetchURL()
}

func (f *facts) say(o OriginFacts, err error) {
	if err != nil {
		f.Trouble = show.Cut(key.RedactText(err.Error()), 600)
		return
	}
	f.Status = strconv.Itoa(o.Status) + " " + http.StatusText(o.Status)
	f.Size, f.Type, f.Modified = "not said", "not said", "not said"
	if o.Size >= 0 {
		f.Size = templates.Size(o.Size)
	}
	if o.Type != "" {
		f.Type = show.Cut(key.RedactText(o.Type), 200)
	}
	if !o.Modified.IsZero() {
		f.Modified = templates.When(o.Modified)
	}
	f.Final, f.Host, f.Redirects = show.URL(o.Final, ""), show.HostOf(o.Final), o.Redirects
}
