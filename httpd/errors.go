package httpd

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"syscall"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// refusal is an error whose words are meant for the person who asked.
type refusal struct {
	code int
	text string
}

func (e *refusal) Error() string { return e.text }

// httpError is what an error means to a client: a status code and words. No
// path gets out; URLs are redacted.
func httpError(err error) (code int, text string) {
	var no *refusal
	var tooLarge *http.MaxBytesError
	var unseen *fsstore.Unseen
	switch {
	case errors.As(err, &no):
		return no.code, no.text
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "the form is too large"
	case errors.Is(err, key.ErrBadURL):
		return http.StatusBadRequest, key.RedactText(err.Error())
	case errors.Is(err, fsstore.ErrInvalid):
		return http.StatusBadRequest, key.RedactText(err.Error())
	case errors.As(err, &unseen):
		return http.StatusConflict, unseen.Error() // it hides secrets by itself, and tells them apart
	case errors.Is(err, fsstore.ErrDenied), errors.Is(err, fsstore.ErrBusy):
		return http.StatusConflict, key.RedactText(err.Error())
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound, "it is not there any more: somebody else may have moved it"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, fsstore.ErrNoSpace):
		return http.StatusInsufficientStorage, "no space is left on the cache-host"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return http.StatusInternalServerError, "the data directory can't be written"
	}
	return http.StatusInternalServerError, "the cache-host has a problem with its disk; its log says more"
}

// fail answers a read or a page that ended in err, and logs what is our fault.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, text := httpError(err)
	if code >= 500 {
		s.complain(&s.broken, "a request failed", err)
	}
	h := w.Header()
	for _, k := range []string{"Content-Length", "Etag", "Last-Modified", "Repr-Digest"} {
		delete(h, k)
	}
	if wantsHTML(r) && isPage(r.URL.Path) {
		s.render(w, r, code, "error", text)
		return
	}
	plainText(w, code, text)
}

func isPage(path string) bool {
	return !strings.HasPrefix(path, "/b/") && !strings.HasPrefix(path, "/by-hash/") && path != "/blob"
}

// complain logs err at most once a minute, and not at all where the store's
// health has said why.
func (s *Server) complain(by *sparse, what string, err error) {
	if unsaid, ok := by.may(); ok && !s.store.Explains() {
		s.log.Error(what, "err", key.RedactText(err.Error()), "not_logged", unsaid)
	}
}
