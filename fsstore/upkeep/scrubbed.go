package upkeep

import (
	"sync"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/internal/tree"
)

// ScrubState is how far the scrub has come. Rounds that a server ended before this one was started
// are known by the numbers in stats/, to the day.
type ScrubState struct {
	Running bool      `json:"running" doc:"In this server"`
	Since   time.Time `json:"since,omitzero" doc:"When this server began to scrub"`
	Last    time.Time `json:"last_round,omitzero" doc:"When the newest round over all blobs ended"`
	Bytes   int64     `json:"checked_bytes" doc:"Of blobs that this server has read"`
}

// scrubBook holds the ScrubState of this process.
type scrubBook struct {
	mu    sync.Mutex
	state ScrubState
}

func (b *scrubBook) begin(last time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Running, b.state.Since, b.state.Last = true, tree.Now(), last
}

func (b *scrubBook) ended(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Last = at
}

// Scrubbed returns how far the scrub has come.
func (s *Keeper) Scrubbed() ScrubState {
	s.scrub.mu.Lock()
	now := s.scrub.state
	s.scrub.mu.Unlock()
	if now.Bytes = s.counts.Counted(counts.StatScrubbed); !now.Running {
		now.Last = s.lastRound()
	}
	return now
}

// roundsKept is how many days back lastRound looks.
const roundsKept = 90

// lastRound returns the beginning of the newest day in stats/ on which a round ended, zero where
// there is none.
func (s *Keeper) lastRound() (last time.Time) {
	days, err := s.counts.Stats(roundsKept)
	if err != nil {
		return last
	}
	for _, d := range days {
		if d.N[counts.StatScrubs] > 0 {
			last, _ = time.Parse(time.DateOnly, d.Date)
		}
	}
	return last
}
