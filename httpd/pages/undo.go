package pages

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

const (
	// undoAge is how long an undo is kept. A page offers it for ten seconds; a message that waits for
	// the next page stays longer.
	undoAge = 5 * time.Minute
	// maxUndo bounds the bytes of files that one undo keeps, and maxUndos the number of undos.
	maxUndo  = 8 << 20
	maxUndos = 64
)

// undone is what it takes to undo a verb: the verb, and the files as they were before it.
type undone struct {
	verb  string
	names []string // that the verb was done to
	kept  []fsstore.Kept
	bytes int
	at    time.Time
}

// undos keeps what was done lately, in memory: a server that starts anew undoes nothing.
type undos struct {
	mu   sync.Mutex
	made map[string]*undone // by a name that nobody can guess
}

// add keeps u, and returns the post that undoes it.
func (us *undos) add(u *undone) *undo {
	us.mu.Lock()
	defer us.mu.Unlock()
	if us.made == nil {
		us.made = map[string]*undone{}
	}
	oldest := ""
	for id, other := range us.made {
		if time.Since(other.at) > undoAge {
			delete(us.made, id)
		} else if oldest == "" || other.at.Before(us.made[oldest].at) {
			oldest = id
		}
	}
	if len(us.made) >= maxUndos {
		delete(us.made, oldest)
	}
	id := rand.Text()
	u.at = time.Now()
	us.made[id] = u
	return &undo{"admin/undo", url.Values{"id": {id}}}
}

// take returns what an id names, once; nil: it is over.
func (us *undos) take(id string) *undone {
	us.mu.Lock()
	defer us.mu.Unlock()
	u := us.made[id]
	delete(us.made, id)
	return u
}

// undoable are the verbs whose files are kept before they are done.
var undoable = map[string]bool{
	"approve": true, "dismiss": true, "deny": true, "undeny": true, "evict": true, "unrule": true,
}

// keep reads the files that a verb is about to change. It returns nil where there is nothing to
// undo, or too much.
func (s *Server) keep(verb string, st fsstore.State, list []fsstore.Shown) *undone {
	if !undoable[verb] {
		return nil
	}
	u := &undone{verb: verb}
	for _, m := range list {
		if verb == "deny" && isDenied(s.store, m.Name) {
			return nil // it was before, and an undo would take that back
		}
		k, err := keepOne(s.store, verb, st, m.Name)
		if err != nil {
			continue // the verb itself says what it lacks
		}
		u.kept = append(u.kept, k)
		if u.bytes += len(k.Text); u.bytes > maxUndo {
			return nil
		}
	}
	return u
}

func isDenied(s *fsstore.Store, name string) bool {
	_, err := s.Keep(fsstore.Denied, strings.ToLower(name))
	return err == nil
}

// keepOne reads the file that a verb changes or removes.
func keepOne(s *fsstore.Store, verb string, st fsstore.State, name string) (fsstore.Kept, error) {
	switch verb {
	case "evict":
		return s.KeepArtifact(name)
	case "unrule":
		text, err := s.Allowed.Keep(name)
		return fsstore.Kept{Name: name, Text: text}, err
	case "undeny":
		return s.Keep(fsstore.Denied, name)
	}
	return s.Keep(cmp.Or(st, fsstore.Misses), name)
}

// undo takes back what a verb did.
func (s *Server) undo(w http.ResponseWriter, r *http.Request) error {
	u := s.undos.take(r.PostForm.Get("id"))
	if u == nil {
		return answer.Refuse(http.StatusConflict, templates.Word("undo.over"))
	}
	done, err := s.takeBack(u, s.by(r))
	s.log.Info("undone", "verb", u.verb, "files", done, "addr", answer.ClientAddr(r))
	if err != nil {
		return err
	}
	if done == 0 {
		return answer.Refuse(http.StatusConflict, templates.Word("undo.late"))
	}
	if done < len(u.names) {
		return s.finish(w, r, templates.Word("undo.some", done, len(u.names)))
	}
	return s.finish(w, r, templates.Word("undo.done", done))
}

// takeBack undoes a verb on each file that it was done to, and returns on how many.
func (s *Server) takeBack(u *undone, by fsstore.Operator) (done int, err error) {
	kept := map[string]fsstore.Kept{}
	for _, k := range u.kept {
		kept[k.Name] = k
	}
	for _, name := range u.names {
		k, ok := kept[name]
		switch u.verb {
		case "approve":
			err = s.store.Cancel(name, by)
		case "deny":
			err = s.store.Allow(name, by)
		case "evict":
			err = s.store.Restore(k, by)
		case "unrule":
			err = s.store.Allowed.PutBack(name, k.Text, by)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || !ok && u.verb == "undeny" {
			continue // it is held by now, its bytes are gone, or somebody else took it back
		}
		if ok && err == nil && k.State != "" {
			err = s.store.PutBack(k)
		}
		if err != nil {
			return done, err
		}
		done++
		s.view.Reread(name)
	}
	return done, nil
}
