package read

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"fromcache/fsstore"
)

// counts gathers numbers of the read path in memory, because the store takes a
// lock for each. It hands them over once a second.
type counts struct {
	hits, misses, served atomic.Int64
}

func (t *counts) run(ctx context.Context, s *fsstore.Store) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.flush(s)
		}
	}
}

func (t *counts) flush(s *fsstore.Store) {
	for name, n := range map[string]*atomic.Int64{fsstore.StatHits: &t.hits, fsstore.StatMisses: &t.misses, fsstore.StatServedBytes: &t.served} {
		if n := n.Swap(0); n > 0 {
			s.Stat(name, n)
		}
	}
}

// sentBytes returns how many bytes http.ServeContent has sent: what its header
// promised, or 0 if the client left before the end.
func sentBytes(r *http.Request, sent http.Header) int64 {
	if r.Method != http.MethodGet || r.Context().Err() != nil || sent["Content-Length"] == nil {
		return 0
	}
	n, _ := strconv.ParseInt(sent["Content-Length"][0], 10, 64)
	return n
}
