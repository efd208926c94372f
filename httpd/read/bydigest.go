package read

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
)

// byDigest answers /by-hash/sha256/<hex> while an artifact that is held has these
// bytes, from whatever URL, and /by-hash/sha256/<hex>.json with what Conan keeps
// beside them. It counts no hit, because a digest names no artifact.
func (s *Server) byDigest(w http.ResponseWriter, r *http.Request, p httprouter.Params) answer.Outcome {
	digest, asJSON := strings.CutSuffix(strings.ToLower(p[0].Value), ".json")
	if !fsstore.IsDigest(digest) {
		return s.errs.Fail(w, errDigest)
	}
	held, f, err := s.store.OpenDigest(digest)
	if errors.Is(err, fs.ErrNotExist) {
		return s.unknownDigest(w, r)
	}
	if err != nil {
		return s.errs.Fail(w, err)
	}
	defer f.Close()
	if asJSON {
		sendJSON(w, http.StatusOK, conanSummary{References: map[string][]string{}, Timestamp: held.Fetched.Unix()})
		return answer.Outcome{Result: answer.Page, Status: http.StatusOK}
	}
	o := s.send(w, r, blobReply(digest, held.Size), f)
	o.Key = held.Key
	return o
}

// conanSummary is the file that Conan 2 wants beside each of its backup sources. References is
// empty, because Conan would fetch again what is recorded there under other URLs than its own.
type conanSummary struct {
	References map[string][]string `json:"references"`
	Timestamp  int64               `json:"timestamp"` // seconds since 1970
}

// unknownDigest answers 404. A digest can't be fetched, so a miss is noted only for a client that
// says of which URL it is, as Conan does: of several the first, because the others are its mirrors.
func (s *Server) unknownDigest(w http.ResponseWriter, r *http.Request) answer.Outcome {
	var urls []string
	json.Unmarshal([]byte(r.Header.Get("X-Conan-Origin-Urls")), &urls)
	for _, raw := range urls {
		if _, err := key.FetchURL(raw); err != nil {
			continue
		}
		if s.isLoop(raw, r.Header["Via"]) {
			return loopDetected(w)
		}
		v, err := s.note(raw, askerOf(r))
		if err != nil {
			return s.errs.Fail(w, err)
		}
		return s.miss(w, r, raw, v, false)
	}
	w.Header()["Cache-Status"] = digestMissed
	answer.Text(w, http.StatusNotFound, "not held")
	return answer.Outcome{Result: answer.Absent, Status: http.StatusNotFound}
}
