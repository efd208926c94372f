package api

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// specPath is where the document is. Everybody may read it: it is the same on every server, but for
// the path below which a proxy shows the server.
const specPath = "/api/openapi.json"

// request is what a call needs to know of its request.
type request struct {
	by  fsstore.Operator
	act bool // the sender may change something
	w   http.ResponseWriter
	r   *http.Request
}

type requestKey struct{}

func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// cache is the cache as the sender of a request operates it.
func (s *Server) cache(ctx context.Context) *operate.Local {
	return &operate.Local{Store: s.store, By: requestOf(ctx).by, View: s.opt.View}
}

// handle answers one request: who may not call gets the reason before any of the body is read.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	secure(w.Header())
	if r.URL.Path == specPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Write(s.specBelow(answer.Prefix(r))) //nolint:errcheck // the reader has gone
		return
	}
	v, err := s.visitor(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer endQuietly()
	ctx := context.WithValue(r.Context(), requestKey{}, &request{v.By, v.Act, w, r})
	s.router.ServeHTTP(w, r.WithContext(ctx))
}

// specBelow is the document for programs that reach the server below a prefix. It needs no quoting
// in JSON: answer.Prefix.
func (s *Server) specBelow(prefix string) []byte {
	if prefix == "" {
		return s.spec // OpenAPI's default is /
	}
	return append([]byte(`{"servers":[{"url":"`+prefix+`"}],`), s.spec[1:]...)
}

// secure sets the header fields of every answer: none is kept, shown as a page or put into one.
func secure(h http.Header) {
	h["Cache-Control"], h["X-Content-Type-Options"] = answer.NoStore, answer.Nosniff
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["X-Frame-Options"] = []string{"DENY"} //guard:httpd.TestFraming
}

// endQuietly takes the panic with which huma ends an answer whose reader has gone.
func endQuietly() {
	e := recover()
	err, ok := e.(error)
	if _, bug := errors.AsType[runtime.Error](err); ok && !bug {
		panic(http.ErrAbortHandler)
	}
	if e != nil {
		panic(e)
	}
}

// visitor says who sent a request, or why it is refused.
func (s *Server) visitor(r *http.Request) (access.Visitor, error) {
	v, err := s.sender(r)
	switch {
	case err != nil:
		return v, err
	case !v.Read:
		return v, answer.Refuse(http.StatusUnauthorized,
			"send a token, as Authorization: Bearer TOKEN; fromcache token add NAME makes one on the cache-host")
	case !v.Act && r.Method != http.MethodGet && r.Method != http.MethodHead:
		return v, answer.Refuse(http.StatusForbidden, "this token may only read; fromcache token add NAME --role operate makes one that may do this")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return v, s.store.Writable()
	}
	return v, nil
}

// sender is who sent a request. No browser sends a token by itself, so that a request with one
// needs no look at the site that it comes from.
func (s *Server) sender(r *http.Request) (access.Visitor, error) {
	bearer, given := bearerIn(r)
	if !given {
		if err := s.guard.Check(r); err != nil {
			return access.Visitor{}, err
		}
		return s.guard.Visitor(r), nil
	}
	t, err := s.store.CheckToken(bearer)
	if err != nil {
		s.refused.Do(func() { s.log.Warn("a token was refused", "why", err, "addr", answer.ClientAddr(r)) })
		return access.Visitor{}, answer.Refuse(http.StatusUnauthorized, err.Error()+"; fromcache token ls on the cache-host lists them")
	}
	by := fsstore.Operator{Via: "api", Addr: t.Name + ":" + answer.ClientAddr(r)}
	return access.Visitor{Read: true, Act: t.Role == fsstore.RoleOperate, By: by}, nil
}

// bearerIn returns the token of a request (RFC 6750, 2.1). Any Authorization counts as one, so that
// a wrong one is told of.
func bearerIn(r *http.Request) (bearer string, given bool) {
	field := r.Header.Get("Authorization")
	scheme, bearer, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		bearer = ""
	}
	return strings.TrimSpace(bearer), field != ""
}
