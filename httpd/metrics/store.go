package metrics

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"fromcache/fsstore"
)

// storeCollector asks the store when it is scraped.
type storeCollector struct {
	store          *fsstore.Store
	view           *fsstore.View
	contents, disk reading
}

// reading is numbers that are read from the storage, by one scrape at a time.
type reading struct {
	one  singleflight.Group
	last atomic.Pointer[[]prometheus.Metric]
}

// states are the label values of fromcache_jobs.
var states = []fsstore.State{
	fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
}

// patience is how long a scrape waits for what is read, because Prometheus gives up after 10 s, and
// the first picture of a million artifacts takes longer, as does a storage that hangs. A scrape then
// has the numbers of the one before, or none of them, and the reading goes on.
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

// Collect is of prometheus.Collector. While reads of the storage hang it sends what was read last, and
// the trouble that health lists for it.
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	hangs := c.store.ReadsHang
	for _, m := range slices.Concat(c.contents.now(hangs, c.count), c.disk.now(hangs, c.readDisk), c.health()) {
		to <- m
	}
}

// now returns the numbers that read returns, or after some patience, and at once while reads of the
// storage hang, those of the last time, which may be nil.
func (r *reading) now(hangs func() bool, read func() []prometheus.Metric) []prometheus.Metric {
	if !hangs() {
		made := r.one.DoChan("", func() (any, error) {
			now := read()
			r.last.Store(&now)
			return nil, nil
		})
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-made:
		case <-timer.C:
		}
	}
	if last := r.last.Load(); last != nil {
		return *last
	}
	return nil
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(d *prometheus.Desc, n int64) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
}

// readDisk reads what takes a few calls of the storage.
func (c *storeCollector) readDisk() []prometheus.Metric {
	list := []prometheus.Metric{
		gauge(reserve, float64(c.store.MinFree)), gauge(rotten, float64(len(c.store.Problems()))),
		counter(fetched, c.store.Counted(fsstore.StatFetchedBytes)),
	}
	if f, total, err := c.store.Free(); err == nil {
		list = append(list, gauge(free, float64(f)), gauge(size, float64(total)))
	}
	if r := c.store.Replica(); r == nil {
		list = append(list, gauge(replica, 0))
	} else {
		list = append(list, gauge(replica, 1))
		if !r.Synced.IsZero() {
			list = append(list, gauge(synced, float64(r.Synced.Unix())))
		}
	}
	scrub := c.store.Scrubbed()
	if !scrub.Running {
		return list
	}
	if scrub.Last.IsZero() {
		scrub.Last = scrub.Since
	}
	return append(list, counter(scrubbed, scrub.Bytes), gauge(lastDone, float64(scrub.Last.Unix())))
}

// health lists what /healthz says, which is known without the storage.
func (c *storeCollector) health() (list []prometheus.Metric) {
	grave, light := 0, 0
	seen := map[string]bool{}
	for _, t := range c.store.Health() {
		if t.Grave {
			grave++
		} else {
			light++
		}
		if !seen[t.Kind] {
			list = append(list, gauge(trouble, 1, t.Kind))
		}
		seen[t.Kind] = true
	}
	return append(list, gauge(ills, float64(grave), "true"), gauge(ills, float64(light), "false"))
}

// count reads how much lies in the data directory.
func (c *storeCollector) count() (list []prometheus.Metric) {
	for _, st := range states {
		list = append(list, gauge(jobs, float64(c.view.Count(st)), string(st)))
	}
	n, bytes := c.view.Held()
	var first time.Time                             // when the miss that waits longest was asked for first
	for _, j := range c.view.Jobs(fsstore.Misses) { // at most --max-misses
		if asked := firstAsked(&j); first.IsZero() || !asked.IsZero() && asked.Before(first) {
			first = asked
		}
	}
	return append(list, gauge(artifacts, float64(n)), gauge(heldBytes, float64(bytes)), gauge(oldest, ageOf(first)))
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
