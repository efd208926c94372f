package httpd

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"fromcache/fsstore"
)

// atOnce: fsyncs of one file system end together, so that verbs side by
// side are much quicker than one after the other.
const atOnce = 16

// each does a verb to every file that the form names, or to every miss that
// the form's search matches. What is gone by then was somebody else's.
func (s *Server) each(w http.ResponseWriter, r *http.Request, field, did string, do func(string, fsstore.By) error) error {
	names, err := s.chosen(r.PostForm, field)
	if err != nil {
		return err
	}
	if len(names) == 1 {
		if err := do(names[0], by(r)); err != nil {
			return err
		}
		s.view.Reread(names[0])
		s.log.Info(strings.ToLower(did), "name", names[0], "addr", clientAddr(r))
		return s.done(w, r, did+" "+names[0])
	}
	n, gone, err := s.inParallel(names, func(name string) error { return do(name, by(r)) })
	s.log.Info(strings.ToLower(did), "files", n, "addr", clientAddr(r))
	if err != nil {
		return err
	}
	text := did + " " + strconv.Itoa(n) + " of " + strconv.Itoa(len(names))
	if gone > 0 {
		text += "; " + strconv.Itoa(gone) + " were not there any more"
	}
	return s.done(w, r, text)
}

// chosen is what a form is about: all that match, or the names in it.
func (s *Server) chosen(form url.Values, field string) ([]string, error) {
	if form.Get("all") == "" {
		return namesOf(form[field], field)
	}
	q := missQueryOf(form)
	if q.until == 0 {
		return nil, &refusal{http.StatusBadRequest, "the form lacks until="}
	}
	jobs, _, found := s.matching(q)
	if len(found) == 0 {
		return nil, &refusal{http.StatusNotFound, "no miss matches any more"}
	}
	names := make([]string, len(found))
	for n, i := range found {
		names[n] = jobs[i].Name
	}
	return names, nil
}

func namesOf(list []string, field string) ([]string, error) {
	var names []string
	for _, n := range list {
		switch {
		case n == "":
			continue
		case len(n) > 255 || strings.HasPrefix(n, ".") || strings.HasPrefix(n, "-") || strings.ContainsAny(n, "/\x00"):
			return nil, &refusal{http.StatusBadRequest, field + "= is not the name of a file in the spool"}
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, &refusal{http.StatusBadRequest, "nothing was chosen: the form lacks " + field + "="}
	}
	return names, nil
}

// inParallel counts what was done and what was gone; the first other error
// ends it.
func (s *Server) inParallel(names []string, do func(string) error) (done, gone int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	for range min(atOnce, len(names)) {
		wg.Go(func() {
			for name := range next {
				e := do(name)
				s.view.Reread(name)
				mu.Lock()
				switch {
				case e == nil:
					done++
				case errors.Is(e, fs.ErrNotExist):
					gone++
				case err == nil:
					err = e
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		mu.Lock()
		stop := err != nil
		mu.Unlock()
		if stop {
			break
		}
		next <- name
	}
	close(next)
	wg.Wait()
	return done, gone, err
}
