// Package metrics is the cache-host's page for Prometheus, in its text format.
//
//	GET, HEAD /metrics
//
// Numbers of requests are counted as they are answered, in counters that are looked up once. What
// lies in the data directory is read at each scrape, from the View that the operator's pages use, so
// that both show the same; while the storage hangs, a scrape has what the one before it read. No label
// holds a URL, a host or a client: those are chosen by strangers, and each value would stay in the
// memory of the server and of Prometheus.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// Server answers with the metrics of one store and one server.
type Server struct {
	Requests *Requests
	handler  http.Handler
}

// New returns a server for s, of which v is the picture. More are collectors of parts of the program
// that this package does not know.
func New(s *fsstore.Store, v *fsstore.View, version string, more ...prometheus.Collector) (*Server, error) {
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fromcache_build_info", Help: "Always 1; the version of the program and of Go.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	requests := newRequests()
	registry := prometheus.NewRegistry()
	for _, c := range append(more, build, requests, newStoreCollector(s, v),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})) {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return &Server{requests, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})}, nil
}

// maxScrapes bounds what strangers can have the server compute at once.
const maxScrapes = 4

// ServeHTTP answers a scrape.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Routes returns the address of the metrics.
func (s *Server) Routes() []answer.Route {
	return []answer.Route{{
		Methods: "GET HEAD", Path: "/metrics",
		Handle: func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) { s.ServeHTTP(w, r) },
	}}
}
