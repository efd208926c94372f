package read

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/crowd"
	"fromcache/httpd/front"
)

// AnswerPlain answers a request that the front has read, with the very bytes that net/http would
// send. It reports false where it has done nothing, because net/http is to answer: the address is
// none of /b/ and /blob, has an escaped name, or a URL with a query, or the storage fails. An error
// means that the connection is no good any more.
func (s *Server) AnswerPlain(r *front.Request) (o answer.Outcome, ok bool, err error) {
	h := s.handles.of(r.Target, s.store)
	if h == nil {
		return o, false, nil
	}
	var held *fsstore.Artifact
	var blob fsstore.Blob
	if r.Head {
		held, err = h.Lookup()
	} else if held, blob, err = h.Open(); err == nil {
		defer blob.Close()
	}
	switch {
	case err == nil:
		o, err = s.sendPlain(r, s.replies.of(held), blob)
	case errors.Is(err, fs.ErrNotExist):
		by := asker{addr: r.Client, agent: string(r.Agent), heldOnly: r.OnlyIfCached}
		var v fsstore.Verdict
		if v, err = s.noteOf(h, by); err != nil {
			return o, false, nil // nothing was noted
		}
		o, err = s.missPlain(r, h.URL(), v)
	default:
		return o, false, nil
	}
	return o, true, err
}

// sendPlain is send without net/http.
func (s *Server) sendPlain(r *front.Request, a *reply, blob fsstore.Blob) (o answer.Outcome, err error) {
	o = answer.Outcome{Result: answer.Hit, Status: http.StatusOK, Key: a.key}
	withBody := !r.Head && a.size > 0
	err = r.Conn.WriteHead(r.AppendHead(r.Room, "200 OK", a.sized), withBody)
	if r.Head {
		return o, err
	}
	s.hitOnce(a.key)
	if withBody && err == nil {
		o.Bytes, err = r.Conn.SendFile(blob.Fd(), a.size)
		s.counts.served.Add(o.Bytes)
	}
	return o, err
}

// missPlain is miss without net/http.
func (s *Server) missPlain(r *front.Request, raw string, v fsstore.Verdict) (answer.Outcome, error) {
	s.counts.misses.Add(1)
	a := missAnswerOf(v)
	var after []byte
	if crowd.IsComing(v) {
		after = []byte("Retry-After: " + strconv.Itoa(s.crowd.AskAgain(raw, r.Client, v)) + "\r\n")
	}
	b := r.AppendHead(r.Room, "404 Not Found", a.begin, after, a.end)
	o := answer.Outcome{Result: answer.ResultOfVerdict(v), Status: http.StatusNotFound, URL: raw}
	if !r.Head {
		b = append(b, a.text...)
	}
	o.Bytes = int64(len(a.text))
	return o, r.Conn.WriteHead(b, false)
}

// handles keeps the store's handles of what plain requests ask for, by the part of their target that
// names the URL.
type handles struct {
	mu    sync.RWMutex
	known map[string]*fsstore.Handle
}

// maxHandles bounds the memory: about 1 KiB each, and 12 KiB for the longest URLs that a plain request
// has room for.
const maxHandles = 2000

// of returns the handle for a target, nil where net/http is to answer.
func (hs *handles) of(target []byte, s *fsstore.Store) *fsstore.Handle {
	name, ok := nameIn(target)
	if !ok {
		return nil
	}
	hs.mu.RLock()
	h := hs.known[string(name)]
	hs.mu.RUnlock()
	if h != nil {
		return h
	}
	raw, ok := urlIn(string(name))
	if !ok || raw == "" || len(raw) > key.MaxURL {
		return nil
	}
	if h, ok = s.Handle(raw); ok {
		hs.keep(string(name), h)
	}
	return h
}

// keep adds a handle. It removes others at random to make room.
func (hs *handles) keep(name string, h *fsstore.Handle) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.known == nil {
		hs.known = map[string]*fsstore.Handle{}
	}
	for old := range hs.known {
		if len(hs.known) < maxHandles {
			break
		}
		delete(hs.known, old)
	}
	hs.known[name] = h
}

const blobQuery = "/blob?url="

// nameIn returns the part of a target that names a URL: /b/<token> of /b/<token> and
// /b/<token>/<file>, where the file is of bytes that need no decoding, or all of /blob?url=<URL>.
func nameIn(target []byte) (name []byte, ok bool) {
	if rest, ok := bytes.CutPrefix(target, []byte("/b/")); ok {
		token, file, _ := bytes.Cut(rest, []byte("/"))
		return target[:len("/b/")+len(token)], len(token) > 0 && isPlainName(file)
	}
	return target, bytes.HasPrefix(target, []byte(blobQuery)) && bytes.IndexByte(target, '&') < 0
}

// urlIn returns the origin's URL in a name.
func urlIn(name string) (raw string, ok bool) {
	if query, ok := strings.CutPrefix(name, "/blob?"); ok {
		raw, err := queryURL(query)
		return raw, err == nil
	}
	b, err := base64.RawURLEncoding.DecodeString(name[len("/b/"):]) // a dot, before the digest of a version, is none of its digits
	return string(b), err == nil
}

// isPlainName reports whether the name at the end of an address means what it says, is no path and
// begins with no dot.
func isPlainName(name []byte) bool {
	for i, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("-_+~@,=", c) < 0 && (c != '.' || i == 0) {
			return false
		}
	}
	return true
}
