package crowd

import (
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/progress"
)

// Crowd is the clients that ask for artifacts which are approved and not held yet.
type Crowd struct {
	store  *fsstore.Store
	askers *Distinct // address and URL
	waits  waits

	mu    sync.Mutex
	lefts map[string]timeLeft // by URL
	rates progress.Rates
}

// timeLeft is how long a download takes from a moment on; 0 is unknown.
type timeLeft struct {
	at   time.Time
	left time.Duration
}

// New returns the Crowd of a store, which holds as many requests as most says.
func New(s *fsstore.Store, most int) *Crowd {
	return &Crowd{
		store: s, askers: NewDistinct(askSpan), lefts: map[string]timeLeft{},
		waits: waits{most: most, watches: map[string]*watch{}},
	}
}

const (
	// soonest is how soon a client should ask again at the earliest.
	soonest = 2 * time.Second
	// asksPerSecond is how many clients should ask again each second: a twentieth of what one
	// core answers on new connections.
	asksPerSecond = 500
	// longestLeft bounds what a download's time left counts for, because its rate may change, and it
	// may fail.
	longestLeft = time.Minute
	// longest bounds all of it, because the crowd may be gone.
	longest = 5 * time.Minute
	// askSpan is how long an asker counts at least.
	askSpan = time.Minute

	maxLefts = 1000 // URLs whose time left is kept
)

// AskAgain counts a client that asked for raw, which is queued or active, and returns after how many
// seconds it should ask again: the time that the download still takes, where that is known, but so
// late that all who wait together don't ask more than asksPerSecond. Clients behind one address are
// one.
func (c *Crowd) AskAgain(raw, addr string, v fsstore.Verdict) (seconds int) {
	crowd := time.Duration(c.askers.Add(addr, raw)) * time.Second / asksPerSecond
	after := max(soonest, crowd)
	if v == fsstore.VerdictActive {
		after = max(after, min(c.left(raw), longestLeft))
	}
	return int((min(after, longest) + time.Second - 1) / time.Second)
}

// Waiting returns how many clients have asked for such artifacts within the last minute or two; one
// that waits for several counts for each.
func (c *Crowd) Waiting() int { return c.askers.Count() }

// left returns how long the download of raw still takes; 0 where that is not known. It looks at the
// disk once a second and URL, whoever asks.
func (c *Crowd) left(raw string) time.Duration {
	c.mu.Lock()
	known, ok := c.lefts[raw]
	if ok && time.Since(known.at) < time.Second {
		c.mu.Unlock()
		return known.left
	}
	if len(c.lefts) >= maxLefts {
		clear(c.lefts)
	}
	known.at = time.Now() // who comes meanwhile does not look
	c.lefts[raw] = known
	c.mu.Unlock()
	known.left = c.lookLeft(raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lefts[raw] = known
	return known.left
}

func (c *Crowd) lookLeft(raw string) time.Duration {
	u, err := c.store.Parse(raw)
	if err != nil {
		return 0
	}
	j, err := c.store.JobFile(fsstore.Active, c.store.FindActive(c.store.IDOf(u)))
	if err != nil {
		return 0
	}
	left, _ := progress.Left(&j, c.rates.Of(&j, time.Now()))
	return left
}
