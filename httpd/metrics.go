package httpd

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
)

// ServeMetrics answers /metrics alone on ln until ctx ends, and closes ln.
func (s *Server) ServeMetrics(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics)
	hs := &http.Server{
		Handler:           s.watched(mux.ServeHTTP, slog.LevelDebug),
		ReadHeaderTimeout: s.opt.HeaderTimeout,
		ReadTimeout:       s.opt.HeaderTimeout,
		WriteTimeout:      s.opt.StallTimeout,
		IdleTimeout:       s.opt.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(serverLog{s.log}, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { hs.Close() })
	defer stop()
	if err := hs.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}
