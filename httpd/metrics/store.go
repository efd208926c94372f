package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"fromcache/fsstore"
)

// storeCollector asks the store when it is scraped.
type storeCollector struct {
	store *fsstore.Store
	view  *fsstore.View
	one   singleflight.Group
	last  atomic.Pointer[contents]
}

// contents is how much lies in the data directory.
type contents struct {
	jobs      map[fsstore.State]int
	artifacts int
	bytes     int64
	oldest    time.Time // when the miss that waits longest was asked for first; zero: none waits
}

// states are the label values of fromcache_jobs.
var states = []fsstore.State{
	fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
}

// patience is how long a scrape waits for the picture, because Prometheus gives up after 10 s and
// the first picture of a million artifacts takes longer. A scrape then has the numbers of the one
// before, or none of them, and the picture goes on being made.
const patience = 3 * time.Second

func newStoreCollector(s *fsstore.Store, v *fsstore.View) *storeCollector {
	return &storeCollector{store: s, view: v}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fromcache_"+name, help, labels, nil)
}

var (
	jobs = desc("jobs", "Files in each directory of jobs. Misses wait for an operator, "+
		"queue waits for a worker.", "state")
	artifacts = desc("artifacts", "Artifacts that are held.")
	heldBytes = desc("held_bytes", "Bytes of the blobs of all artifacts, each blob once.")
	oldest    = desc("oldest_miss_age_seconds", "Time since the miss that waits longest was asked for first; "+
		"0 where none waits.")
	fetched = desc("fetched_bytes_total", "Bytes of artifacts that this server has fetched, or was sent "+
		"through its pages.")
	free    = desc("disk_free_bytes", "Bytes that the file system of the data directory has left for the server.")
	size    = desc("disk_size_bytes", "Bytes of the file system of the data directory.")
	reserve = desc("disk_reserve_bytes", "Bytes that --min-free keeps free: with less, downloads wait.")
	trouble = desc("health_trouble", "1 for each kind of trouble that there is, as /healthz says in words.", "kind")
	ills    = desc("health_troubles", "Troubles that there are. Grave ones make /healthz answer 503.", "grave")
	rotten  = desc("problems", "Artifacts and blobs that the scrub found rotten, missing or unreadable, "+
		"and that nobody has mended, at most 100.")
	scrubbed = desc("scrub_checked_bytes_total", "Bytes of blobs that the scrub has read.")
	replica  = desc("replica", "1 where this server serves a replica, else 0.")
	synced   = desc("replica_synced_timestamp_seconds", "When fromcache sync began to copy what the replica has now; "+
		"left out where that is not known.")
	lastDone = desc("scrub_last_round_timestamp_seconds", "When the scrub ended its newest round over all blobs, "+
		"else when this server began its first.")
)

// Describe is of prometheus.Collector.
func (c *storeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		jobs, artifacts, heldBytes, oldest, fetched, free, size, reserve, trouble, ills, rotten, scrubbed, lastDone,
		replica, synced,
	} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if now := c.contents(); now != nil {
		for _, st := range states {
			gauge(jobs, float64(now.jobs[st]), string(st))
		}
		gauge(artifacts, float64(now.artifacts))
		gauge(heldBytes, float64(now.bytes))
		gauge(oldest, ageOf(now.oldest))
	}
	if f, total, err := c.store.Free(); err == nil {
		gauge(free, float64(f))
		gauge(size, float64(total))
	}
	gauge(reserve, float64(c.store.MinFree))
	gauge(rotten, float64(len(c.store.Problems())))
	c.collectHealth(gauge)
	c.collectReplica(gauge)
	count := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	count(fetched, c.store.Counted(fsstore.StatFetchedBytes))
	scrub := c.store.Scrubbed()
	if !scrub.Running {
		return
	}
	count(scrubbed, scrub.Bytes)
	if scrub.Last.IsZero() {
		scrub.Last = scrub.Since
	}
	gauge(lastDone, float64(scrub.Last.Unix()))
}

func (c *storeCollector) collectReplica(gauge func(*prometheus.Desc, float64, ...string)) {
	r := c.store.Replica()
	if r == nil {
		gauge(replica, 0)
		return
	}
	gauge(replica, 1)
	if !r.Synced.IsZero() {
		gauge(synced, float64(r.Synced.Unix()))
	}
}

func (c *storeCollector) collectHealth(gauge func(*prometheus.Desc, float64, ...string)) {
	grave, light := 0, 0
	seen := map[string]bool{}
	for _, t := range c.store.Health() {
		if t.Grave {
			grave++
		} else {
			light++
		}
		if !seen[t.Kind] {
			gauge(trouble, 1, t.Kind)
		}
		seen[t.Kind] = true
	}
	gauge(ills, float64(grave), "true")
	gauge(ills, float64(light), "false")
}

// contents returns the numbers of now, or after some patience those of the last time, which may be
// nil.
func (c *storeCollector) contents() *contents {
	made := c.one.DoChan("", func() (any, error) {
		c.last.Store(c.count())
		return nil, nil
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-made:
	case <-timer.C:
	}
	return c.last.Load()
}

func (c *storeCollector) count() *contents {
	now := &contents{jobs: map[fsstore.State]int{}}
	for _, st := range states {
		now.jobs[st] = c.view.Count(st)
	}
	now.artifacts, now.bytes = c.view.Held()
	for _, j := range c.view.Jobs(fsstore.Misses) { // at most --max-misses
		if first := firstAsked(&j); now.oldest.IsZero() || !first.IsZero() && first.Before(now.oldest) {
			now.oldest = first
		}
	}
	return now
}

func firstAsked(j *fsstore.JobFile) time.Time {
	if j.Asked == nil {
		return time.Time{}
	}
	return j.Asked.First
}

// ageOf returns the seconds since t; 0 for a zero t, and for one that a clock wrote which was ahead.
func ageOf(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t).Seconds())
}
