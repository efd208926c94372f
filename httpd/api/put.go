package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// putStall is how long a client that puts may send nothing.
const putStall = time.Minute

// putting is the request of a put. The body is not read into memory.
type putting struct {
	Asked
	SHA256 string   `query:"sha256" pattern:"^([0-9A-Fa-f]{64})?$" doc:"The digest that the bytes must have"`
	Accept []string `query:"accept,explode" maxItems:"4" enum:"any,text/html,http,private" doc:"text/html keeps a page although the name says otherwise, any keeps anything"`
	body   io.Reader
}

// Resolve takes the body.
func (p *putting) Resolve(ctx huma.Context) []error {
	p.body = ctx.BodyReader()
	return nil
}

func (s *Server) addPut() {
	o := call{
		name: "put-artifact", does: "PUT /artifacts", about: "Hold the body as the artifact of a URL",
		more: "The bytes are judged by the URL's name, as a download is. Of any size: what is not whole is not kept.",
	}.operation(s.api)
	o.RequestBody = &huma.RequestBody{
		Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}
	registerOperation(s, o, func(ctx context.Context, in *putting) (*artifactAnswer, error) {
		r := requestOf(ctx)
		if t := r.r.Header.Get("Content-Type"); t != "" && t != "application/octet-stream" {
			return nil, answer.Refuse(http.StatusUnsupportedMediaType, "the bytes are sent as application/octet-stream")
		}
		conn := http.NewResponseController(r.w)
		patience := func(int64) error {
			conn.SetReadDeadline(time.Now().Add(putStall)) //nolint:errcheck // then the server's own deadline holds
			return nil
		}
		patience(0) //nolint:errcheck // it is nil
		add := operate.Addition{URL: in.URL, SHA256: in.SHA256, Accept: in.Accept}
		a, err := s.cache(ctx).Put(ctx, add, in.body, r.r.ContentLength, patience)
		if err == nil {
			s.log.Info("put", "key", a.Key, "size", a.Size, "by", r.by.Addr)
		}
		return &artifactAnswer{a}, err
	})
}
