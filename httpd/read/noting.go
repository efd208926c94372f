package read

import (
	"net/http"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// verdict notes that raw was asked for, unless the request is for what is held alone (RFC 9111,
// 5.2.1.7: only-if-cached). Its answer is the 404 of any miss and not 504, because that would count
// as a fault of the server wherever answers are watched.
func (s *Server) verdict(r *http.Request, raw string) (fsstore.Verdict, error) {
	if onlyIfCached(r.Header) {
		return s.store.VerdictOf(raw)
	}
	v, err := s.store.NoteMiss(raw, fsstore.Asker{Addr: answer.ClientAddr(r), UserAgent: r.UserAgent()})
	if (v == fsstore.VerdictNoted || v == fsstore.VerdictCopy) && s.missed != nil {
		if above := s.missed(raw, viaNames(r.Header["Via"])); above != "" && v == fsstore.VerdictCopy {
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
