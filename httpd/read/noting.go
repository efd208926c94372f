package read

import (
	"errors"
	"net/http"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
)

// asker is the client that asks for what is not held.
type asker struct {
	addr, agent string
	heldOnly    bool     // it wants what is held alone, and nothing noted (RFC 9111, 5.2.1.7: only-if-cached)
	via         []string // its fields Via
}

func askerOf(r *http.Request) asker {
	return asker{answer.ClientAddr(r), r.UserAgent(), onlyIfCached(r.Header), r.Header["Via"]}
}

// note notes that raw was asked for, and is not held, as verdict does. An error is about the URL.
func (s *Server) note(raw string, by asker) (fsstore.Verdict, error) {
	return s.noteBy(raw, by, s.store.NoteMiss)
}

// noteOf is note of a handle's URL.
func (s *Server) noteOf(h *fsstore.Handle, by asker) (fsstore.Verdict, error) {
	return s.noteBy(h.URL(), by, func(_ string, by fsstore.Asker) (fsstore.Verdict, error) { return s.store.NoteMissOf(h, by) })
}

type noter func(raw string, by fsstore.Asker) (fsstore.Verdict, error)

func (s *Server) noteBy(raw string, by asker, do noter) (fsstore.Verdict, error) {
	v, err := s.verdict(raw, by, do)
	if errors.Is(err, key.ErrBadURL) {
		return v, err
	}
	if err != nil {
		s.errs.Error("a miss could not be noted", err)
		v = fsstore.VerdictIll
	}
	return v, nil
}

// verdict notes that raw was asked for, unless the request is for what is held alone. Its answer is
// the 404 of any miss and not 504, because that would count as a fault of the server wherever
// answers are watched.
func (s *Server) verdict(raw string, by asker, do noter) (fsstore.Verdict, error) {
	if by.heldOnly {
		return s.store.VerdictOf(raw)
	}
	v, err := do(raw, fsstore.Asker{Addr: by.addr, UserAgent: by.agent})
	if (v == fsstore.VerdictNoted || v == fsstore.VerdictCopy) && s.missed != nil {
		if above := s.missed(raw, viaNames(by.via)); above != "" && v == fsstore.VerdictCopy {
			v = above
		}
	}
	return v, err
}

func onlyIfCached(h http.Header) bool {
	for _, v := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(directive), "only-if-cached") {
				return true
			}
		}
	}
	return false
}
