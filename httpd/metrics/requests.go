package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fromcache/httpd/answer"
)

// Requests counts what became of requests. Each counter is looked up once, because a lookup by
// labels costs a tenth of what the answer to a probe does.
type Requests struct {
	all     []prometheus.Collector
	results [methods][answer.Results]prometheus.Counter
	seconds [methods]prometheus.Observer // of the read path
	served  prometheus.Counter
}

// Methods as the label has them.
const (
	head = iota
	get
	otherMethod
	methods
)

var methodNames = [methods]string{http.MethodHead, http.MethodGet, "other"}

// durations are the upper bounds of the histogram: an answer to a probe takes some 10 µs, a
// download of 10 GiB over a slow line an hour.
var durations = []float64{.0001, .001, .01, .1, 1, 10, 100, 1000}

func newRequests() *Requests {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fromcache_requests_total",
		Help: "Requests that were answered, by method and by what became of them.",
	}, []string{"method", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fromcache_request_duration_seconds",
		Help:    "Time from a request for an artifact to the end of its answer, which the client's line bounds.",
		Buckets: durations,
	}, []string{"method"})
	q := &Requests{served: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fromcache_served_bytes_total", Help: "Bytes of artifacts that were sent to clients.",
	})}
	for m, name := range methodNames {
		for r := range answer.Results {
			q.results[m][r] = total.WithLabelValues(name, r.String())
		}
		if m != otherMethod { // the read path has none
			q.seconds[m] = seconds.WithLabelValues(name)
		}
	}
	q.all = []prometheus.Collector{total, seconds, q.served}
	return q
}

// Describe is of prometheus.Collector.
func (q *Requests) Describe(to chan<- *prometheus.Desc) {
	for _, c := range q.all {
		c.Describe(to)
	}
}

// Collect is of prometheus.Collector.
func (q *Requests) Collect(to chan<- prometheus.Metric) {
	for _, c := range q.all {
		c.Collect(to)
	}
}

// Artifact counts a request of the read path that took so long.
func (q *Requests) Artifact(method string, o answer.Outcome, took time.Duration) {
	m := methodOf(method)
	q.results[m][o.Result].Inc()
	if s := q.seconds[m]; s != nil {
		s.Observe(took.Seconds())
	}
	if o.Key != "" {
		q.served.Add(float64(o.Bytes))
	}
}

// Other counts any other request.
func (q *Requests) Other(method string, r answer.Result) { q.results[methodOf(method)][r].Inc() }

func methodOf(method string) int {
	switch method {
	case http.MethodHead:
		return head
	case http.MethodGet:
		return get
	}
	return otherMethod
}
