package pages

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// OriginFacts is what an origin says of a URL when it is asked for its header alone.
type OriginFacts = show.OriginFacts

const (
	// askTimeout is how long an origin may take: an operator waits for it.
	askTimeout = 20 * time.Second
	// maxAsked is how many misses are asked about at once: a page of them.
	maxAsked = 100
	// askParallel is how many origins are asked at the same time, because each of them may be slow
	// and none is to be stormed.
	askParallel = 8
)

// ask asks the origins of misses for their headers. Nothing but this button does. What they say
// stands in the rows of these misses from then on.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) error {
	names, err := namesOf(r.PostForm["key"], "key")
	if err != nil {
		return err
	}
	if len(names) > maxAsked {
		return answer.Refuse(http.StatusBadRequest, templates.Word("facts.toomany", maxAsked))
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*askTimeout)
	defer cancel()
	found := eachOf(names, func(m fsstore.Shown) error { return s.askOne(ctx, m) })
	s.log.Info("asked origins", "misses", len(names), "answers", found, "addr", answer.ClientAddr(r))
	if found == 0 {
		return answer.Refuse(http.StatusNotFound, templates.Word("did.nomiss"))
	}
	if len(names) > 1 || fromScript(r) {
		return s.finish(w, r, templates.Word("did.ask", templates.Word("did.of", found, len(names))))
	}
	f := s.frame(w, r, "ask")
	if f.Miss, err = s.model.Miss(names[0]); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, f)
}

// eachOf calls do for each name, a few at the same time, and returns how many were there.
func eachOf(names []fsstore.Shown, do func(fsstore.Shown) error) (found int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, askParallel)
	for _, m := range names {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if do(m) == nil {
				mu.Lock()
				found++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return found
}

// askOne keeps what the origin of a miss says, or why it can't be asked. An error is that of the
// miss.
func (s *Server) askOne(ctx context.Context, m fsstore.Shown) error {
	j, err := s.store.JobFile(fsstore.Misses, m.Name)
	if err != nil {
		return err
	}
	if s.opt.Head == nil {
		s.model.Said(j.Name, &show.Facts{Trouble: templates.Word("facts.noway"), Bytes: -1})
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s.model.Said(j.Name, factsOf(s.opt.Head(ctx, variantURL(&j, m.Sum), j.Job.UserAgent())))
	return nil
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

// factsOf returns what an origin has answered.
func factsOf(o OriginFacts, err error) *show.Facts {
	if err != nil {
		return &show.Facts{Trouble: show.Cut(key.RedactText(err.Error()), 600), Bytes: -1}
	}
	return &show.Facts{
		Status: strconv.Itoa(o.Status) + " " + http.StatusText(o.Status), Bytes: max(o.Size, -1),
		Type: show.Cut(key.RedactText(o.Type), 200), Modified: o.Modified,
		Final: show.URL(o.Final, ""), Host: show.HostOf(o.Final), Redirects: o.Redirects,
	}
}
