// Package progress says how fast downloads are, and how long they will take.
package progress

import (
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
)

// Rates remembers how large parts were a few seconds ago, because the rate of the last seconds says
// more about the time left than that of the whole download.
type Rates struct {
	mu   sync.Mutex
	seen map[string][]sample
}

type sample struct {
	at time.Time
	n  int64
}

// rateSpan is the span over which a rate is taken.
const rateSpan = 8 * time.Second

// Of returns bytes a second of a job in active/, 0 where it is not known yet.
func (r *Rates) Of(j *fsstore.JobFile, now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) > 1000 || r.seen == nil {
		r.seen = map[string][]sample{}
	}
	list := r.seen[j.Name]
	if n := len(list); n == 0 || now.Sub(list[n-1].at) > 200*time.Millisecond {
		list = append(list, sample{now, j.Part})
	}
	for len(list) > 2 && now.Sub(list[0].at) > rateSpan {
		list = list[1:]
	}
	r.seen[j.Name] = list
	first := list[0]
	since := now.Sub(first.at)
	if since > time.Second && since < 3*rateSpan && j.Part >= first.n {
		return per(j.Part-first.n, since)
	}
	if e, ok := j.Job.Newest(job.Start); ok && j.Part > e.From {
		return per(j.Part-e.From, now.Sub(e.Time))
	}
	return 0
}

func per(n int64, d time.Duration) int64 {
	return int64(float64(n) / max(d.Seconds(), 0.5))
}

// Left returns how long the rest of a job in active/ takes at a rate, and false where its size or
// the rate is not known.
func Left(j *fsstore.JobFile, rate int64) (time.Duration, bool) {
	if j.Total <= 0 || rate <= 0 {
		return 0, false
	}
	const longest = int64(1000 * 24 * time.Hour / time.Second)
	return time.Duration(min(max(j.Total-j.Part, 0)/rate, longest)) * time.Second, true
}
