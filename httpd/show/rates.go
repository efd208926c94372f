package show

import (
	"strconv"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
)

// rates remembers how large parts were a few seconds ago, because the rate of the
// last seconds says more about the time left than that of the whole download.
type rates struct {
	mu   sync.Mutex
	seen map[string][]sample
}

type sample struct {
	at time.Time
	n  int64
}

// rateSpan is the span over which a rate is taken.
const rateSpan = 8 * time.Second

// of returns bytes a second, 0 where it is not known yet.
func (r *rates) of(j *fsstore.JobFile, now time.Time) int64 {
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

// timeLeft is a time left, no finer than it is known.
func timeLeft(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "a few seconds left"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s left"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min left"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h left"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days left"
}
