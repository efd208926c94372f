package api

import (
	"context"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// keyed is the path of what belongs to one artifact.
type keyed struct {
	Key string `path:"key" minLength:"1" maxLength:"255" pattern:"^[A-Za-z0-9._+-]+$" doc:"The key of the artifact"`
}

// Asked is a URL in the query.
type Asked struct {
	URL string `query:"url" required:"true" minLength:"1" maxLength:"8192" doc:"http or https" example:"https://example.com/tool.run"`
}

type artifactAnswer struct{ Body operate.Artifact }

type artifactsAnswer struct {
	Link string `header:"Link" doc:"Where the next page is"`
	Body operate.ArtifactList
}

// versions are the states of an artifact.
type versions struct {
	Key      string            `json:"key"`
	Versions []fsstore.Version `json:"versions" nullable:"false" doc:"Newest first: the one that is served, and at most ten that it replaced"`
}

type versionsAnswer struct{ Body versions }

func (s *Server) addArtifacts() {
	register(s, call{name: "list-artifacts", does: "GET /artifacts", about: "List what is held, by key"},
		func(ctx context.Context, in *Listed) (*artifactsAnswer, error) {
			p, err := in.page()
			if err != nil {
				return nil, err
			}
			list, err := s.cache(ctx).Artifacts(ctx, p)
			out := &artifactsAnswer{Body: list}
			out.Body.Next, out.Link = in.next(ctx, list.Next, "/artifacts")
			return out, err
		})
	register(s, call{name: "get-artifact", does: "GET /artifacts/{key}", about: "Get one artifact"},
		func(ctx context.Context, in *keyed) (*artifactAnswer, error) {
			a, err := s.cache(ctx).Artifact(ctx, in.Key)
			return &artifactAnswer{a}, err
		})
	register(s, call{name: "list-versions", does: "GET /artifacts/{key}/versions", about: "List the versions of an artifact"},
		func(ctx context.Context, in *keyed) (*versionsAnswer, error) {
			a, err := s.cache(ctx).Artifact(ctx, in.Key)
			now := fsstore.Version{SHA256: a.SHA256, Size: a.Size, Fetched: a.Fetched, Header: a.Header, Ranges: a.Ranges}
			return &versionsAnswer{versions{in.Key, append([]fsstore.Version{now}, a.History...)}}, err
		})
	register(s, call{name: "evict-artifact", does: "DELETE /artifacts/{key}", about: "Hold an artifact no longer; its bytes go a day later"},
		func(ctx context.Context, in *keyed) (*struct{}, error) {
			return nil, s.cache(ctx).Evict(ctx, in.Key)
		})
	register(s, call{name: "lookup", does: "GET /lookup", about: "Get the artifact that is held for a URL", fails: []int{404}},
		func(ctx context.Context, in *Asked) (*artifactAnswer, error) {
			a, err := s.cache(ctx).Lookup(ctx, in.URL)
			return &artifactAnswer{a}, err
		})
}
