package pages

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// maxParallel is how many verbs run in parallel. fsyncs of one file system end together,
// so this is much quicker than one after the other.
const maxParallel = 16

// doEach does a verb to every file that the form names, or to every miss that the
// form's search matches. Files that are gone by then are counted as gone; a miss
// whose URL is no longer the one that was shown is left alone and counted.
func (s *Server) doEach(
	w http.ResponseWriter, r *http.Request, field, verb string,
	do func(fsstore.Shown, fsstore.Operator) error,
) error {
	list, err := s.operands(r.PostForm, field)
	if err != nil {
		return err
	}
	did := templates.Word("did." + verb)
	kept := s.keep(verb, dirOf(r), list)
	if kept != nil && len(kept.kept) == 0 && (verb == "evict" || verb == "unrule" || verb == "undeny") {
		kept = nil // such as a meta that can't be read
	}
	if len(list) == 1 {
		name := list[0].Name
		err := do(list[0], s.by(r))
		if err == nil || isUnseen(err) { // then the page is to show what is there
			s.view.Reread(name)
		}
		if err != nil {
			return err
		}
		s.log.Info(strings.ToLower(did), "name", name, "addr", answer.ClientAddr(r))
		back := undoOf(verb, name)
		if kept != nil {
			kept.names = []string{name}
			back = s.undos.add(kept)
		}
		return s.finishWithUndo(w, r, did+" "+name, back)
	}
	who := s.by(r)
	n, err := s.inParallel(list, func(m fsstore.Shown) error { return do(m, who) })
	s.log.Info(strings.ToLower(did), "files", n.done, "addr", answer.ClientAddr(r))
	if err != nil {
		return err
	}
	text := did + " " + templates.Word("did.of", n.done, len(list))
	if n.gone > 0 {
		text += "; " + templates.Word("did.gone", n.gone)
	}
	if n.unseen > 0 {
		text += "; " + templates.Word("did.unseen", n.unseen)
	}
	if n.unseen > 0 && n.done == 0 {
		return answer.Refuse(http.StatusConflict, text)
	}
	if kept == nil || n.done == 0 {
		return s.finish(w, r, text)
	}
	kept.names = n.names
	return s.finishWithUndo(w, r, text, s.undos.add(kept))
}

// undoOf returns the post that undoes a verb on one file, or nil: what was retried is cancelled, a
// cancelled job goes back into the queue.
func undoOf(verb, name string) *undo {
	switch verb {
	case "approve", "retry": // approve: fetched again
		return &undo{"admin/cancel", url.Values{"id": {name}}}
	case "cancel":
		return &undo{"admin/retry", url.Values{"in": {string(fsstore.Cancelled)}, "id": {name}}}
	}
	return nil
}

func isUnseen(err error) bool {
	_, ok := errors.AsType[*fsstore.UnseenError](err)
	return ok
}

// operands returns the files that a form is about: all that match, or those named.
func (s *Server) operands(form url.Values, field string) ([]fsstore.Shown, error) {
	if form.Get("all") == "" {
		return namesOf(form[field], field)
	}
	q := show.MissQueryOf(form)
	if q.Until == 0 {
		return nil, answer.Refuse(http.StatusBadRequest, templates.Word("no.field", "until"))
	}
	list := s.model.Matching(q)
	if len(list) == 0 {
		return nil, answer.Refuse(http.StatusNotFound, templates.Word("did.nomiss"))
	}
	return list, nil
}

func namesOf(values []string, field string) ([]fsstore.Shown, error) {
	var list []fsstore.Shown
	for _, v := range values {
		m := fsstore.ParseShown(v)
		switch n := m.Name; {
		case n == "":
			continue
		case len(n) > 255 || strings.HasPrefix(n, ".") || strings.HasPrefix(n, "-") ||
			strings.ContainsAny(n, "/\x00"):
			return nil, answer.Refuse(http.StatusBadRequest,
				templates.Word("no.name", field))
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		return nil, answer.Refuse(http.StatusBadRequest, templates.Word("no.choice", field))
	}
	return list, nil
}

// outcome counts what became of files. names are of those that it was done to.
type outcome struct {
	done, gone, unseen int
	names              []string
}

// inParallel does a verb to each file. It ends at the first error that concerns more
// than one file.
func (s *Server) inParallel(list []fsstore.Shown, do func(fsstore.Shown) error) (
	n outcome, err error,
) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan fsstore.Shown)
	for range min(maxParallel, len(list)) {
		wg.Go(func() {
			for m := range next {
				e := do(m)
				s.view.Reread(m.Name)
				mu.Lock()
				switch {
				case e == nil:
					n.done++
					n.names = append(n.names, m.Name)
				case errors.Is(e, fs.ErrNotExist):
					n.gone++
				case isUnseen(e):
					n.unseen++
				case err == nil:
					err = e
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range list {
		mu.Lock()
		stop := err != nil
		mu.Unlock()
		if stop {
			break
		}
		next <- m
	}
	close(next)
	wg.Wait()
	return n, err
}
