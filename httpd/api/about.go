package api

import (
	"context"
	"net/http"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

type whyAnswer struct{ Body operate.Why }

type countsAnswer struct{ Body operate.Counts }

type statsAnswer struct{ Body operate.Stats }

type statusAnswer struct {
	Body struct {
		Version string `json:"version" doc:"Of the server"`
		fsstore.Status
	}
}

type days struct {
	Days int `query:"days" minimum:"1" maximum:"3660" default:"90" doc:"How far back to go"`
}

type naming struct {
	Asked
	In []fsstore.State `query:"in,explode" maxItems:"7" enum:"misses,queue,active,done,failed,cancelled,denied" doc:"The directories; none: artifacts"`
}

type namesAnswer struct {
	Body struct {
		Names []string `json:"names" nullable:"false" doc:"The first is today's key, whether a file has it or not"`
	}
}

func (s *Server) addAbout() {
	register(s, call{name: "counts", does: "GET /counts", about: "Count what there is"},
		func(ctx context.Context, _ *struct{}) (*countsAnswer, error) {
			c, err := s.cache(ctx).Counts(ctx)
			return &countsAnswer{c}, err
		})
	register(s, call{name: "stats", does: "GET /stats", about: "Get what was served, fetched, hit and missed, day by day"},
		func(ctx context.Context, in *days) (*statsAnswer, error) {
			st, err := s.cache(ctx).Stats(ctx, in.Days)
			return &statsAnswer{st}, err
		})
	register(s, call{name: "why", does: "GET /why", about: "Get all that is known of a URL"},
		func(ctx context.Context, in *Asked) (*whyAnswer, error) {
			w, err := s.cache(ctx).Why(ctx, in.URL)
			return &whyAnswer{w}, err
		})
	register(s, call{name: "names", does: "GET /names", about: "Get the names that files of a URL have"},
		func(ctx context.Context, in *naming) (*namesAnswer, error) {
			out := &namesAnswer{}
			var err error
			out.Body.Names, err = s.cache(ctx).Names(ctx, in.URL, in.In)
			return out, err
		})
	register(s, call{name: "status", does: "GET /status", about: "Get whether all is well"},
		func(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
			st, err := s.cache(ctx).Status(ctx)
			if err != nil {
				return nil, err
			}
			out := &statusAnswer{}
			out.Body.Version, out.Body.Status = s.opt.Version, *st
			return out, nil
		})
}

// mustAct refuses who may only read, in a call that is a GET and has a price.
func mustAct(ctx context.Context) error {
	if requestOf(ctx).act {
		return nil
	}
	return answer.Refuse(http.StatusForbidden, "this token may only read; fromcache token add NAME --role operate makes one that may do this")
}
