package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
	"fromcache/httpd/answer"
)

// problem returns an error of the store as problem details. What is the server's own fault is
// logged.
func (s *Server) problem(err error) error {
	if mismatch, ok := errors.AsType[*kind.Mismatch](err); ok {
		return &huma.ErrorModel{
			Status: http.StatusConflict, Title: "The bytes are not what the name says", Detail: mismatch.Why,
			Errors: []*huma.ErrorDetail{{Message: "to keep it all the same", Location: acceptField, Value: mismatch.Accept}},
		}
	}
	return newProblem(s.status(err))
}

// status is statusOf, and logs what is the server's own fault.
func (s *Server) status(err error) (code int, text string) {
	code, text = statusOf(err)
	if _, refused := errors.AsType[*answer.Refusal](err); code >= 500 && !refused {
		s.errs.Error("a call of the API failed", err)
	}
	return code, text
}

// acceptField is where a put says what it accepts.
const acceptField = "query.accept"

// statusOf is answer.Status, and what a put can end in.
func statusOf(err error) (code int, text string) {
	if short, ok := errors.AsType[*fsstore.NotWhole](err); ok {
		return http.StatusBadRequest, short.Error() + ": send it again"
	}
	if wrong, ok := errors.AsType[*fsstore.WrongDigest](err); ok {
		return http.StatusConflict, wrong.Error()
	}
	code, text = answer.Status(err)
	return code, key.RedactText(text)
}

func newProblem(code int, text string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: code, Title: http.StatusText(code), Detail: text}
}

// refuse answers what may not come in.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	code, text := answer.Status(err)
	if code == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="fromcache"`}
	}
	writeProblem(w, code, text)
}

// Refuse answers a request that never comes to a call.
func Refuse(w http.ResponseWriter, code int, text string) {
	secure(w.Header())
	writeProblem(w, code, text)
}

func writeProblem(w http.ResponseWriter, code int, text string) {
	w.Header()["Content-Type"] = []string{"application/problem+json"}
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(newProblem(code, text)) //nolint:errcheck // the reader has gone
}
