package api

import (
	"context"

	"fromcache/fsstore"
)

func (s *Server) addDenied() {
	s.addList("denied", "GET /denied", fsstore.Denied, "List what is never recorded or fetched, by name")
	s.addGet("denied", "GET /denied/{name}", fsstore.Denied, "Get one denial, with its log")
	register(s, call{
		name: "deny", does: "PUT /denied/{name}", about: "Never record or fetch it; what is held is still served",
		more: "The name is a key, whose miss or job goes to denied/, a host, or *.DOMAIN.",
	}, func(ctx context.Context, in *Named) (*struct{}, error) {
		return nil, s.cache(ctx).Deny(ctx, in.Name)
	})
	register(s, call{name: "allow", does: "DELETE /denied/{name}", about: "Take a denial back"},
		func(ctx context.Context, in *Named) (*struct{}, error) {
			return nil, s.cache(ctx).Allow(ctx, in.Name)
		})
}
