package read

import (
	"net/http"
	"strconv"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/crowd"
)

// missAnswer is the 404 for one verdict, formatted once.
type missAnswer struct {
	status, length []string
	text           []byte
	begin, end     []byte // fields as they are sent, before and behind Retry-After
}

func newMissAnswer(v fsstore.Verdict, text string) missAnswer {
	a := missAnswer{
		status: []string{"fromcache; fwd=uri-miss; detail=" + string(v)},
		length: []string{strconv.Itoa(len(text) + 1)},
		text:   []byte(text + "\n"),
	}
	a.begin = wire(http.Header{
		"Cache-Control": answer.NoStore, "Cache-Status": a.status, "Content-Length": a.length, "Content-Type": answer.TextPlain,
	})
	a.end = wire(http.Header{"X-Content-Type-Options": answer.Nosniff})
	return a
}

var missAnswers = map[fsstore.Verdict]missAnswer{
	fsstore.VerdictNoted:  newMissAnswer(fsstore.VerdictNoted, "not held; noted for the operator"),
	fsstore.VerdictQueued: newMissAnswer(fsstore.VerdictQueued, "not held yet; approved and waiting to be fetched"),
	fsstore.VerdictActive: newMissAnswer(fsstore.VerdictActive, "not held yet; being fetched"),
	fsstore.VerdictDenied: newMissAnswer(fsstore.VerdictDenied, "not held; the operator has denied it"),
	fsstore.VerdictFull:   newMissAnswer(fsstore.VerdictFull, "not held, and not recorded: too many misses wait"),
	fsstore.VerdictAbsent: newMissAnswer(fsstore.VerdictAbsent, "not held, and not recorded: the request was for what is held alone"),
	fsstore.VerdictCopy:   newMissAnswer(fsstore.VerdictCopy, "not held; this is a replica, which records no misses"),
	fsstore.VerdictIll:    newMissAnswer(fsstore.VerdictIll, "not to be had, and not recorded: the cache-host can't read or write its data directory, as /healthz or its log says"),
}

func missAnswerOf(v fsstore.Verdict) missAnswer {
	if a, ok := missAnswers[v]; ok {
		return a
	}
	return missAnswers[fsstore.VerdictNoted]
}

// miss answers 404 with the verdict, or redirects to the origin.
func (s *Server) miss(w http.ResponseWriter, r *http.Request, raw string, v fsstore.Verdict, orOrigin bool) answer.Outcome {
	s.counts.misses.Add(1)
	a := missAnswerOf(v)
	if orOrigin {
		s.toOrigin(w, raw, a.status)
		return answer.Outcome{Result: answer.ResultOfVerdict(v), Status: http.StatusTemporaryRedirect, URL: raw}
	}
	h := w.Header()
	if crowd.IsComing(v) {
		h["Retry-After"] = []string{strconv.Itoa(s.crowd.AskAgain(raw, answer.ClientAddr(r), v))}
	}
	s.putChain(h, r, raw)
	h["Cache-Control"] = answer.NoStore
	h["Cache-Status"] = a.status
	h["Content-Length"] = a.length
	h["Content-Type"] = answer.TextPlain
	h["X-Content-Type-Options"] = answer.Nosniff
	w.WriteHeader(http.StatusNotFound)
	w.Write(a.text)
	return answer.Outcome{Result: answer.ResultOfVerdict(v), Status: http.StatusNotFound, URL: raw, Bytes: int64(len(a.text))}
}
