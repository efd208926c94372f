package read

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// maxVia is the number of servers that a request may have come through. Nobody has so many tiers,
// so there is a loop of servers that don't know each other's names.
const maxVia = 16

// isLoop reports whether a request for what is not held has come through this server before, or
// whether the one that asks is the one that this server waits for. Answers of queued or active
// would have the two wait for each other.
func (s *Server) isLoop(raw string, fields []string) bool {
	if len(fields) == 0 || s.name == "" {
		return false
	}
	via := viaNames(fields)
	return len(via) > maxVia || slices.ContainsFunc(s.chain(raw), func(name string) bool {
		return slices.Contains(via, name)
	})
}

// chain returns the name of this server, and those of the servers that its job of a URL waits for.
func (s *Server) chain(raw string) []string {
	names := []string{s.name}
	if s.waitsFor != nil {
		names = append(names, s.waitsFor(raw)...)
	}
	return names
}

// putChain tells a fromcache below whom it waits for where it waits for this server.
func (s *Server) putChain(h http.Header, r *http.Request, raw string) {
	if len(r.Header["Via"]) == 0 || s.name == "" {
		return
	}
	for _, name := range s.chain(raw) {
		h["Via"] = append(h["Via"], "1.1 "+name)
	}
}

// viaNames returns who received a request, by its Via fields (RFC 9110, 7.6.3).
func viaNames(fields []string) (names []string) {
	for entry := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if words := strings.Fields(entry); len(words) > 1 && len(names) <= maxVia {
			names = append(names, words[1])
		}
	}
	return names
}

func loopDetected(w http.ResponseWriter) answer.Outcome {
	w.Header()["Cache-Control"] = answer.NoStore
	answer.Text(w, http.StatusLoopDetected, "a loop: this request came through this server before, "+
		"or from one that this server waits for; the --upstream of one of them leads back")
	return answer.Outcome{Result: answer.Failed, Status: http.StatusLoopDetected}
}

// provenance says who approved an artifact, what digests its origin announced, and the servers that it
// came through.
func provenance(held *fsstore.Artifact) http.Header {
	h := http.Header{}
	if by := held.DecidedBy(); by != nil && isSafeWord(by.Via) {
		v := by.Via
		if by.Addr != "" && isSafeWord(by.Addr) {
			v += fmt.Sprintf(`;by="%s"`, by.Addr)
		}
		h["X-Fromcache-Approved"] = []string{fmt.Sprintf("%s;at=@%d", v, by.Time.Unix())}
	}
	if v := held.OriginDigest; v != "" && safeValue(v) {
		h["X-Fromcache-Origin-Digest"] = []string{v}
	}
	var via []string
	for _, u := range held.Via {
		if safeValue(u) && !strings.ContainsAny(u, `"\`) {
			via = append(via, `"`+u+`"`)
		}
	}
	if via != nil {
		h["X-Fromcache-Via"] = []string{strings.Join(via, ", ")}
	}
	return h
}

// putProvenance tells a fromcache below whence an artifact came. Other clients are not told, because
// it names who approved it.
func (a *reply) putProvenance(h http.Header, r *http.Request) {
	if len(r.Header["Via"]) > 0 {
		maps.Copy(h, a.provenance)
	}
}

// isSafeWord reports whether s can stand in a structured field (RFC 9651) as it is.
func isSafeWord(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune(".:_-%", c)
	})
}
