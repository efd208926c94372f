package main

import (
	"net/http"

	"fromcache/cmd/fromcache-torture/judge"
)

// answers asks for what is held: whole and true bytes, whatever else is wrong.
func answers(l *lab, s *server, path, what string, row *judge.Row) {
	for range 3 {
		code, b, err := s.get(l.p.origin.URL + path)
		if err != nil || code != http.StatusOK || digest(b) != digest(body(path, 0)) {
			row.Violated("I4: %s: a GET of what is held: %d, %d bytes, %v", what, code, len(b), err)
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
func (l *lab) end(what string, s *server, row *judge.Row) {
	if !s.dead() && !s.stop() {
		row.Violated("%s: it does not end at SIGTERM", what)
	}
	for _, v := range l.finish() {
		row.Violated("%s: finished: %s", what, v)
	}
}
