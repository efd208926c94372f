package answer

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// Refusal is an error whose text is meant for the person who asked.
type Refusal struct {
	code int
	text string
}

// Refuse returns a *Refusal: the answer has this status code and this text.
func Refuse(code int, text string) error { return &Refusal{code, text} }

func (e *Refusal) Error() string { return e.text }

// Status returns what an error means to a client: a status code and a text
// without paths, in which URLs are redacted.
func Status(err error) (code int, text string) {
	var no *Refusal
	var tooLarge *http.MaxBytesError
	var unseen *fsstore.UnseenError
	var replica *fsstore.ReplicaError
	switch {
	case errors.As(err, &no):
		return no.code, no.text
	case errors.As(err, &replica):
		return http.StatusForbidden, key.RedactText(err.Error())
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
	case errors.Is(err, syscall.ENAMETOOLONG):
		return http.StatusNotFound, "no file has so long a name"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, fsstore.ErrNoSpace):
		return http.StatusInsufficientStorage, "no space is left on the cache-host"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return http.StatusInternalServerError, "the data directory can't be written"
	}
	return http.StatusInternalServerError, "the cache-host has a problem with its disk; its log says more"
}

// Log writes errors that are the server's own to its log, at most one a minute.
type Log struct {
	To        *slog.Logger
	Explained func() bool // reports whether the store's health says why already
	seldom    rate.Sometimes
}

// NewLog returns a Log.
func NewLog(to *slog.Logger, explained func() bool) *Log {
	return &Log{To: to, Explained: explained, seldom: rate.Sometimes{Interval: time.Minute}}
}

// Error logs err, redacted, unless something was logged within the last minute
// or the store's health explains it.
func (l *Log) Error(what string, err error) {
	l.seldom.Do(func() {
		if !l.Explained() {
			l.To.Error(what, "err", key.RedactText(err.Error()))
		}
	})
}

// Fail answers a request that ended in err: as text, without the fields of an
// answer that had begun. What is the server's own fault is logged.
func (l *Log) Fail(w http.ResponseWriter, err error) Outcome {
	code, text := l.Judge(w, err)
	Text(w, code, text)
	return Outcome{Result: ResultOf(code), Status: code, Bytes: int64(len(text)) + 1}
}

// Judge does what Fail does but for the text, which the caller sends.
func (l *Log) Judge(w http.ResponseWriter, err error) (code int, text string) {
	code, text = Status(err)
	if code >= 500 {
		l.Error("a request failed", err)
	}
	h := w.Header()
	for _, k := range []string{"Content-Length", "Etag", "Last-Modified", "Repr-Digest"} {
		delete(h, k)
	}
	return code, text
}
