package read

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"fromcache/fsstore"
)

// tally counts what the read path does. The store takes a lock for each
// number, so it gets them once a second.
type tally struct {
	hits, misses, served atomic.Int64
}

func (t *tally) run(ctx context.Context, s *fsstore.Store) {
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

func (t *tally) flush(s *fsstore.Store) {
	for name, n := range map[string]*atomic.Int64{fsstore.StatHits: &t.hits, fsstore.StatMisses: &t.misses, fsstore.StatServedBytes: &t.served} {
		if n := n.Swap(0); n > 0 {
			s.Stat(name, n)
		}
	}
}

// sentBytes is what an answer by http.ServeContent promised, where its reader
// stayed for it.
func sentBytes(r *http.Request, sent http.Header) int64 {
	if r.Method != http.MethodGet || r.Context().Err() != nil || sent["Content-Length"] == nil {
		return 0
	}
	n, _ := strconv.ParseInt(sent["Content-Length"][0], 10, 64)
	return n
}
