package read

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/crowd"
)

var (
	errToken  = answer.Refuse(http.StatusBadRequest, "bad token: it is the base64url of an origin URL, without padding")
	errQuery  = answer.Refuse(http.StatusBadRequest, "bad query: it is url= and an origin URL, percent-encoded")
	errLong   = answer.Refuse(http.StatusRequestURITooLong, "the origin URL is longer than 8 KiB")
	errDigest = answer.Refuse(http.StatusBadRequest, "bad digest: a SHA-256 has 64 hexadecimal digits")
)

// byToken answers /b/<base64url>/<name>, and /b/<base64url>.<sha256>/<name>. The
// name is only there for clients to save the file under.
func (s *Server) byToken(w http.ResponseWriter, r *http.Request, p httprouter.Params) answer.Outcome {
	token, digest, pinned := strings.Cut(p[0].Value, ".")
	if len(token) > base64.RawURLEncoding.EncodedLen(key.MaxURL) {
		return s.errs.Fail(w, errLong)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) == 0 {
		return s.errs.Fail(w, errToken)
	}
	switch {
	case !pinned:
		return s.byURL(w, r, string(raw), asksForOrigin(r.URL.RawQuery))
	case fsstore.IsDigest(digest):
		return s.byVersion(w, r, string(raw), digest)
	}
	return s.errs.Fail(w, errDigest)
}

// byQuery answers /blob?url=.
func (s *Server) byQuery(w http.ResponseWriter, r *http.Request, _ httprouter.Params) answer.Outcome {
	raw, err := queryURL(r.URL.RawQuery)
	switch {
	case err != nil || raw == "":
		return s.errs.Fail(w, errQuery)
	case len(raw) > key.MaxURL:
		return s.errs.Fail(w, errLong)
	}
	return s.byURL(w, r, raw, asksForOrigin(r.URL.RawQuery))
}

// queryURL returns the value of url=. It skips the rest of the query, because
// parsing whatever a client puts there costs ten times what the answer does.
func queryURL(query string) (string, error) {
	for field := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(field, "url="); ok {
			return url.QueryUnescape(v)
		}
	}
	return "", nil
}

// byVersion answers with one version of a URL, or 404. Clients that resume a
// download or fetch it in parts ask so, and never mix two versions. It notes no
// miss, because such a client was told before that the artifact is held.
func (s *Server) byVersion(w http.ResponseWriter, r *http.Request, raw, digest string) answer.Outcome {
	held, f, err := s.store.OpenVersion(raw, digest)
	if errors.Is(err, fs.ErrNotExist) {
		h := w.Header()
		h["Cache-Status"] = versionMissed
		answer.Text(w, http.StatusNotFound, "this version is not held: it was never of this URL, or was evicted, or replaced more than a day ago; ask without the digest for what is held now")
		return answer.Outcome{Result: answer.Absent, Status: http.StatusNotFound, URL: raw}
	}
	if err != nil {
		return s.errs.Fail(w, err)
	}
	defer f.Close()
	if held.Earlier() {
		return s.send(w, r, artifactReply(held).pinned(), f)
	}
	return s.send(w, r, s.replies.of(held).pinned(), f)
}

// byURL answers with what is held of a URL, or notes the miss, and redirects it if orOrigin. Where
// the client prefers to wait for what is approved, it is answered once that is held, or will not be.
func (s *Server) byURL(w http.ResponseWriter, r *http.Request, raw string, orOrigin bool) answer.Outcome {
	var waited time.Duration
	for {
		o, err := s.sendHeld(w, r, raw)
		if errors.Is(err, fs.ErrNotExist) {
			if s.isLoop(raw, r.Header["Via"]) {
				return loopDetected(w)
			}
			var v fsstore.Verdict
			if v, err = s.note(raw, askerOf(r)); err == nil {
				if crowd.IsComing(v) && s.await(w, r, raw, &waited) {
					continue
				}
				o = s.miss(w, r, raw, v, orOrigin)
			}
		}
		if err != nil {
			o = s.errs.Fail(w, err)
		}
		o.Waited = waited
		return o
	}
}

// sendHeld answers with what is held of a URL. HEAD opens no blob, because the lookup has just
// checked it.
func (s *Server) sendHeld(w http.ResponseWriter, r *http.Request, raw string) (answer.Outcome, error) {
	if r.Method == http.MethodHead {
		held, err := s.store.Lookup(raw)
		if err != nil {
			return answer.Outcome{}, err
		}
		return s.send(w, r, s.replies.of(held), nil), nil
	}
	held, f, err := s.store.Open(raw)
	if err != nil {
		return answer.Outcome{}, err
	}
	defer f.Close()
	return s.send(w, r, s.replies.of(held), f), nil
}

// send answers a hit: a plain request by itself, one with conditions or ranges by
// http.ServeContent. Both use sendfile. HEAD needs no f.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a *reply, f io.ReadSeeker) answer.Outcome {
	if !a.ranges || !isByteRange(r.Header) { //guard:httpd.TestScripts/rangeless
		delete(r.Header, "Range")
	}
	h := w.Header()
	a.putProvenance(h, r)
	if conditional(r.Header) {
		return s.sendChosen(w, r, a, f)
	}
	h["Content-Length"] = a.length
	c := answer.ConnOf(r)
	if c != nil {
		c.AddFields(a.wire)
	} else {
		a.put(h)
	}
	w.WriteHeader(http.StatusOK)
	hit := !isPrefetch(r)
	s.count(r, a, hit)
	o := answer.Outcome{Result: a.result(hit), Status: http.StatusOK, Key: a.key}
	if r.Method == http.MethodGet && a.size > 0 {
		o.Bytes = sendAll(w, c, f, a.size)
		s.counts.served.Add(o.Bytes)
	}
	return o
}

// sendChosen answers a request that has conditions, or is for ranges.
func (s *Server) sendChosen(w http.ResponseWriter, r *http.Request, a *reply, f io.ReadSeeker) answer.Outcome {
	h := w.Header()
	a.put(h)
	if f == nil { // HEAD: only the size is read
		f = io.NewSectionReader(strings.NewReader(""), 0, a.size)
	}
	if h["Content-Encoding"] != nil && r.Header["If-Match"] == nil && r.Header["If-Unmodified-Since"] == nil {
		h["Content-Length"] = a.length // ServeContent leaves it out of a 200 that is encoded, and takes it out of all others but 412
	}
	to := w
	if !a.ranges {
		to = rangeless{w}
	}
	http.ServeContent(to, r, "", a.modified, f)
	hit := a.startsAtZero(h) && !isPrefetch(r)
	s.count(r, a, hit)
	o := answer.Outcome{Status: a.chosenStatus(h), Key: a.key, Bytes: sentBytes(r, h)}
	s.counts.served.Add(o.Bytes)
	if o.Result = answer.ResultOf(o.Status); o.Result == answer.Page {
		o.Result = a.result(hit)
	}
	return o
}

// rangeless removes the Accept-Ranges that ServeContent adds. It passes ReadFrom
// on, for sendfile.
type rangeless struct{ http.ResponseWriter }

func (w rangeless) WriteHeader(code int) {
	delete(w.Header(), "Accept-Ranges")
	w.ResponseWriter.WriteHeader(code)
}

func (w rangeless) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

// sendAll sends the blob. It flushes the header first, because net/http would read
// the first 512 bytes otherwise. Errors are ignored: either the client has gone, or
// the blob is shorter than promised, and then net/http closes the connection.
func sendAll(w http.ResponseWriter, c *answer.Conn, f io.Reader, size int64) (sent int64) {
	if c != nil {
		c.ExpectFile()
	}
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	sent, _ = io.CopyN(w, f, size)
	return sent
}

func conditional(h http.Header) bool {
	for _, k := range [...]string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if _, ok := h[k]; ok {
			return true
		}
	}
	return false
}

// isPrefetch reports whether the bytes are not for use now (Sec-Purpose, of the Fetch standard). An
// edge says so that fetches them to keep them, and that tells of its own hits.
func isPrefetch(r *http.Request) bool {
	v := r.Header["Sec-Purpose"]
	return len(v) == 1 && v[0] == "prefetch"
}

// count counts a GET that was a hit.
func (s *Server) count(r *http.Request, a *reply, hit bool) {
	if hit && a.key != "" && r.Method == http.MethodGet {
		s.hitOnce(a.key)
	}
}

func (s *Server) hitOnce(k string) {
	s.counts.hits.Add(1)
	s.store.Hit(k)
	s.hit(k)
}

// result returns the result of an answer that sent the artifact, or its header.
func (a *reply) result(hit bool) answer.Result {
	switch {
	case a.key == "":
		return answer.Digest
	case hit:
		return answer.Hit
	}
	return answer.Part
}

// chosenStatus returns the status that http.ServeContent has sent, by the fields that it leaves in
// an answer, because its ResponseWriter is not wrapped.
func (a *reply) chosenStatus(sent http.Header) int {
	part := sent.Get("Content-Range")
	switch {
	case strings.HasPrefix(part, "bytes */"):
		return http.StatusRequestedRangeNotSatisfiable
	case part != "", strings.HasPrefix(sent.Get("Content-Type"), "multipart/byteranges"):
		return http.StatusPartialContent
	case sent["Content-Type"] == nil:
		return http.StatusNotModified
	case sent.Get("Content-Length") == a.length[0]:
		return http.StatusOK
	}
	return http.StatusPreconditionFailed
}

// maxRanges is the number of ranges above which the Range field is ignored, as RFC 9110, 14.2
// allows, because the header of each range in the answer is many times as long as the request for it.
const maxRanges = 16

// isByteRange reports whether http.ServeContent is to see the Range field: at most maxRanges, in
// bytes. It would refuse other units, which RFC 9110, 14.2 has a server ignore.
func isByteRange(h http.Header) bool {
	v := h.Get("Range")
	return strings.HasPrefix(v, "bytes=") && strings.Count(v, ",") < maxRanges
}

// startsAtZero reports whether http.ServeContent sent all of the artifact, or one range from byte 0.
func (a *reply) startsAtZero(sent http.Header) bool {
	if part := sent.Get("Content-Range"); part != "" {
		return strings.HasPrefix(part, "bytes 0-")
	}
	return sent.Get("Content-Length") == a.length[0]
}
