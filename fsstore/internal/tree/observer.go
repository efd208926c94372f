package tree

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Observer remembers how long files have stood still. It goes by the clock of this process, because
// another host may have set the times of the files. Any goroutine may use it.
type Observer struct {
	mu   sync.Mutex
	seen map[string]sighting
}

// maxSightings bounds the memory of an Observer, which forgets all when it is full.
const maxSightings = 10_000

type sighting struct {
	files [2]Identity
	since time.Time
}

// UnchangedFor reports whether a file and the one beside it have stood still for that long: since
// it was first asked about them, or since it found either of them changed. A file that does not
// exist stands still.
func (o *Observer) UnchangedFor(long time.Duration, path, beside string) bool {
	now := sighting{since: time.Now()}
	for i, p := range []string{path, beside} {
		var st unix.Stat_t
		if unix.Lstat(p, &st) == nil {
			now.files[i] = Identify(&st)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil || len(o.seen) > maxSightings {
		o.seen = map[string]sighting{}
	}
	before, ok := o.seen[path]
	if !ok || before.files != now.files {
		o.seen[path] = now
		return false
	}
	return time.Since(before.since) >= long
}
