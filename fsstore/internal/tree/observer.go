package tree

import (
	"os"
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

// DirSeen is what was last seen of a directory, to tell cheaply whether names came or went.
type DirSeen struct {
	Identity
	since time.Time // that it has this Identity
	asked time.Time
}

// NamesMayDiffer reports whether names may have come to a directory, or gone from it, since the last
// call: its times changed, or had changed so short before that call that a further change may have
// left them as they are. It opens the directory, because NFS asks its server then.
func (s *DirSeen) NamesMayDiffer(t *Tree, dir string) (bool, error) {
	d, err := os.Open(t.Path(dir, ""))
	if t.isAbsent(dir, err) {
		was := *s
		*s = DirSeen{}
		return was != DirSeen{}, nil
	}
	if err != nil {
		return false, err
	}
	defer d.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return false, &os.PathError{Op: "fstat", Path: dir, Err: err}
	}
	before := *s
	s.asked = time.Now()
	if now := Identify(&st); now != s.Identity {
		s.Identity, s.since = now, s.asked
		return true, nil
	}
	return before.asked.Sub(s.since) <= clockStep, nil
}
