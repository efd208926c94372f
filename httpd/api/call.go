package api

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fromcache/httpd/operate"
)

// call describes one call of the API.
type call struct {
	name   string // of the operation, for programs that make a client from the document
	does   string // "GET /misses/{name}", below Base
	about  string // one sentence
	more   string
	queues bool  // it answers 202 with a job, or 200 once that has ended
	fails  []int // besides what every call can answer
}

// operation returns the call as huma takes it.
func (c call) operation(api huma.API) huma.Operation {
	method, path, _ := strings.Cut(c.does, " ")
	tag, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	codes := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest, http.StatusUnprocessableEntity}
	if strings.Contains(path, "{") {
		codes = append(codes, http.StatusNotFound)
	}
	if method != http.MethodGet {
		codes = append(codes, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusRequestTimeout, http.StatusInsufficientStorage)
	}
	o := huma.Operation{
		OperationID: c.name, Method: method, Path: Base + path, Summary: c.about, Description: c.more, Tags: []string{tag},
		Errors: append(codes, c.fails...), MaxBodyBytes: maxBody, BodyReadTimeout: bodyTime,
		Responses: map[string]*huma.Response{
			"431": {Description: "The header is too large", Content: map[string]*huma.MediaType{"text/plain": {}}},
		},
	}
	if c.queues {
		o.DefaultStatus = http.StatusAccepted
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[operate.Job](), true, "")
		o.Responses["200"] = &huma.Response{
			Description: "The job has ended", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	return o
}
