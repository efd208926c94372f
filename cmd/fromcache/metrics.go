package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"fromcache/fsstore/fetch"
	"fromcache/fsstore/fetch/failure"
)

// fetchMetrics counts how attempts to fetch ended. They are here because httpd knows of no fetch.
type fetchMetrics struct {
	seconds  *prometheus.HistogramVec
	received prometheus.Counter
	failures *prometheus.CounterVec
}

// fetchDurations are the upper bounds of the histogram: a file of a few KiB takes a tenth of a
// second, 100 GiB over a slow line a night.
var fetchDurations = []float64{.1, 1, 10, 60, 600, 3600, 36000}

func newFetchMetrics() *fetchMetrics {
	m := &fetchMetrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fromcache_fetch_duration_seconds",
			Help:    "Time that attempts to fetch an artifact took, by how they ended.",
			Buckets: fetchDurations,
		}, []string{"result"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fromcache_fetch_received_bytes_total",
			Help: "Bytes that came from origins, of attempts that failed too.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fromcache_fetch_failures_total",
			Help: "Attempts to fetch that brought no artifact, by reason and by whether the job is tried again by itself.",
		}, []string{"reason", "retried"}),
	}
	for _, r := range []fetch.Result{fetch.Fetched, fetch.Unchanged, fetch.NotFetched, fetch.Stopped} {
		m.seconds.WithLabelValues(string(r))
	}
	for _, r := range failure.Reasons {
		for _, retried := range []bool{true, false} {
			m.failures.WithLabelValues(string(r), strconv.FormatBool(retried))
		}
	}
	return m
}

func (m *fetchMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.seconds, m.received, m.failures}
}

// ended counts one attempt.
func (m *fetchMetrics) ended(e fetch.End) {
	m.seconds.WithLabelValues(string(e.Result)).Observe(e.Took.Seconds())
	m.received.Add(float64(e.Bytes))
	if e.Result == fetch.NotFetched {
		m.failures.WithLabelValues(string(e.Reason), strconv.FormatBool(e.Retried)).Inc()
	}
}

// listenMetrics returns the socket of --metrics-listen, nil where there is none.
func listenMetrics(ctx context.Context, o *serveFlags) (net.Listener, error) {
	if o.metricsListen == "" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(o.metricsListen); err != nil {
		return nil, usagef("--metrics-listen %q: give an address and a port, as in 127.0.0.1:9333 or :9333", o.metricsListen)
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.metricsListen)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another --metrics-listen", err)
	}
	return socket, nil
}
