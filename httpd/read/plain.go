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
// none of /b/, /blob and /by-hash/, its name is escaped, it names no URL, its digest is not held, or
// the storage fails. An error means that the connection is no good any more.
func (s *Server) AnswerPlain(r *front.Request) (o answer.Outcome, ok bool, err error) {
	if digest, ok := bytes.CutPrefix(r.Target, []byte(hashPath)); ok {
		return s.digestPlain(r, string(digest))
	}
	h, raw := s.handles.of(r.Target, s.store)
	if raw == "" {
		return o, false, nil
	}
	held, blob, err := s.findPlain(h, raw, r.Head)
	switch {
	case err == nil:
		if !r.Head {
			defer blob.Close()
		}
		o, err = s.sendPlain(r, s.replies.of(held), blob.Fd())
	case errors.Is(err, fs.ErrNotExist):
		by := asker{addr: r.Client, agent: string(r.Agent), heldOnly: r.OnlyIfCached}
		var v fsstore.Verdict
		if h != nil {
			v, err = s.noteOf(h, by)
		} else {
			v, err = s.note(raw, by)
		}
		if err != nil {
			return o, false, nil // nothing was noted
		}
		o, err = s.missPlain(r, raw, v)
	default:
		return o, false, nil
	}
	return o, true, err
}

// findPlain finds what is held of a URL, by its handle where it has one. For HEAD it opens nothing.
func (s *Server) findPlain(h *fsstore.Handle, raw string, head bool) (held *fsstore.Artifact, b fsstore.Blob, err error) {
	switch {
	case h != nil && head:
		held, err = h.Lookup()
	case h != nil:
		return h.Open()
	case head:
		held, err = s.store.Lookup(raw)
	default:
		return s.store.OpenBare(raw)
	}
	return held, b, err
}

const hashPath = "/by-hash/sha256/"

// digestPlain is byDigest without net/http, for what is held.
func (s *Server) digestPlain(r *front.Request, digest string) (o answer.Outcome, ok bool, err error) {
	if !fsstore.IsDigest(digest) {
		return o, false, nil
	}
	held, f, err := s.store.OpenDigest(digest)
	if err != nil {
		return o, false, nil
	}
	defer f.Close()
	o, err = s.sendPlain(r, blobReply(digest, held.Size), int(f.Fd())) //nolint:gosec // a descriptor
	o.Key = held.Key
	return o, true, err
}

// sendPlain is send without net/http. HEAD needs no file.
func (s *Server) sendPlain(r *front.Request, a *reply, file int) (o answer.Outcome, err error) {
	o = answer.Outcome{Result: a.result(true), Status: http.StatusOK, Key: a.key}
	withBody := !r.Head && a.size > 0
	err = r.Conn.WriteHead(r.AppendHead(r.Room, "200 OK", a.sized), withBody)
	if r.Head {
		return o, err
	}
	if a.key != "" {
		s.hitOnce(a.key)
	}
	if withBody && err == nil {
		o.Bytes, err = r.Conn.SendFile(file, a.size)
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

// of returns the URL that a target names, and its handle, nil where it can have none. Where it returns
// "" net/http is to answer.
func (hs *handles) of(target []byte, s *fsstore.Store) (h *fsstore.Handle, raw string) {
	name, ok := nameIn(target)
	if !ok {
		return nil, ""
	}
	hs.mu.RLock()
	h = hs.known[string(name)]
	hs.mu.RUnlock()
	if h != nil {
		return h, h.URL()
	}
	raw, ok = urlIn(string(name))
	if !ok || len(raw) > key.MaxURL {
		return nil, ""
	}
	if h, ok = s.Handle(raw); ok {
		hs.keep(string(name), h)
	}
	return h, raw
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
