package torture

import (
	"net/http"
)

// answers asks for what is held: whole and true bytes, whatever else is wrong.
func answers(l *lab, s *server, path, what string, row *Row) {
	for range 3 {
		code, b, err := s.get(l.p.origin.URL + path)
		if err != nil || code != http.StatusOK || digest(b) != digest(body(path, 0)) {
			row.Errorf("I4: %s: a GET of what is held: %d, %d bytes, %v", what, code, len(b), err)
			return
		}
		row.Tried("hits", 1)
	}
}

// healthy says what /healthz answers.
func (s *server) healthy() bool {
	code, err := s.look("/healthz")
	return err == nil && code == http.StatusOK
}

// end judges a tree whose server is still there.
func (l *lab) end(what string, s *server, row *Row) {
	if !s.Dead() && !s.Stop() {
		row.Errorf("%s: it does not end at SIGTERM", what)
	}
	for _, v := range l.finish() {
		row.Errorf("%s: finished: %s", what, v)
	}
}
