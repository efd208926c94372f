package fsstore

import (
	"cmp"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

const (
	// youngMiss: until a file has so many bytes, some twenty lines, each asking is
	// written at once, because a person counts in ls, cat and mv while they are few.
	youngMiss = 1 << 10
	// gather: after that a client's repeats make at most one line in this time.
	gather = time.Minute
	// linesAtOnce is how many lines a client may write in that time without waiting,
	// for other URLs of the artifact or other tools: a page shows and a button
	// approves what the file says.
	linesAtOnce = 10
	// maxGathered bounds the clients kept in memory; past it each asking is written.
	maxGathered = 50_000
	// staleMiss: a miss that nobody asked for in this time goes.
	staleMiss = 30 * 24 * time.Hour
)

// repeats are what clients asked for again, and no line of a file says yet.
type repeats struct {
	mu sync.Mutex
	m  map[asked]*repeat
}

// asked is a client's interest in one normalised URL, by whatever tool. The client
// is a network, because a host has 2^64 addresses of its own to fill a miss with.
type asked struct{ sum, client string }

// ask is one request for what is not held.
type ask struct {
	asked
	key             string // of its file in misses/
	addr, tool, url string
}

// repeat is what one client asked for since began. What is gathered counts for the
// address, the tool and the URL that were written last.
type repeat struct {
	began time.Time
	lines int // written since
	last  ask // written
	n     int // not written
}

// Miss notes that a client asked for rawURL, which is not held, unless it is
// queued, active or denied already, and says which. The verdict is right even
// when an error says that it could not be noted. Notes are not fsynced.
func (s *Store) Miss(rawURL string, by Asker) (Verdict, error) {
	u, err := s.Parse(rawURL)
	if err != nil {
		return "", err
	}
	addr := address(by.Addr)
	a := ask{asked{u.Sum(), network(addr)}, u.Key(), addr, job.Tool(by.UserAgent), u.Whole()}
	if s.repeated(a) {
		return Noted, nil
	}
	sub := s.about(u)
	if !exists(s.job(Misses, a.key)) {
		a.key = cmp.Or(s.miss(sub), a.key) // an earlier server may have noted it
	}
	return s.note(u, sub, a)
}

// repeated counts a repeat in memory while its file is still in misses/.
func (s *Store) repeated(a ask) bool {
	s.repeats.mu.Lock()
	r := s.repeats.m[a.asked]
	if r != nil {
		a.key = r.last.key
	}
	gathers := r != nil && (a == r.last || r.lines >= linesAtOnce)
	s.repeats.mu.Unlock()
	if !gathers {
		return false
	}
	var st unix.Stat_t
	err := unix.Lstat(s.job(Misses, a.key), &st)
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	if err != nil {
		delete(s.repeats.m, a.asked)
	}
	if err != nil || st.Size < youngMiss {
		return false
	}
	r.n++
	return true
}

// errOther says that the miss under a URL's key is of another URL.
var errOther = errors.New("the file of that name is of another URL: move it away")

// note looks for the job in the direction in which jobs flow, so that a moving
// file cannot slip past.
func (s *Store) note(u key.URL, sub subject, a ask) (Verdict, error) {
	err := s.appendMiss(a, 1)
	if errors.Is(err, errOther) || errors.Is(err, errShared) {
		return s.notNoted(a, err), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Noted, err
	}
	if name := s.deniedBy(u); name != "" {
		return IsDenied, nil
	}
	if s.queued(sub) != "" {
		return IsQueue, nil
	}
	if s.active(sub) != "" {
		return IsActive, nil
	}
	if s.held(u) {
		return Noted, nil // published while we looked
	}
	if s.blind() {
		return IsIll, nil
	}
	return s.makeMiss(a)
}

// notNoted tells an operator why a miss can't be noted in the file of its name.
func (s *Store) notNoted(a ask, why error) Verdict {
	s.room.lost.Add(1)
	s.sometimes("miss", func() {
		s.log.Error("a miss is not noted", "file", "misses/"+a.key, "err", why)
	})
	return IsFull
}

func (s *Store) held(u key.URL) bool {
	a, err := s.heldAs(u)
	return err == nil && s.checkBlob(a) == nil
}

// remember notes that a line was written.
func (s *Store) remember(a ask) {
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	r := s.repeats.m[a.asked]
	if r == nil {
		if len(s.repeats.m) >= maxGathered {
			return
		}
		r = &repeat{began: time.Now()}
		s.repeats.m[a.asked] = r
	}
	r.lines++
	r.last = a
}

// appendMiss adds one line to a miss that is there. It never creates the file:
// a late line lands in queue/ with the file it was meant for, where it does no
// harm, and never brings back what an operator has just moved.
func (s *Store) appendMiss(a ask, n int) error {
	f, err := openOwn(s.job(Misses, a.key))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	line1, err := firstLine(f)
	if err != nil {
		return err
	}
	again, asWritten := "", a
	if a.url == line1 {
		a.url = ""
	} else if holdsNone(f, line1) {
		again, a.url = a.url+"\n", ""
	} else if u, err := s.Parse(line1); err == nil && u.Sum() != a.sum {
		return errOther
	}
	s.remember(asWritten)
	if info.Size() >= job.MissRoom {
		return nil // full: counts are lower bounds from here
	}
	_, err = f.WriteString(lineEnd(f, info) + again + a.event(n).Line())
	return err
}

// holdsNone reports whether a miss has no URL, as a power cut leaves one: misses
// are not fsynced. It gets its URL from the next client that asks.
func holdsNone(f *os.File, line1 string) bool {
	if _, err := key.FetchURL(line1); err == nil {
		return false
	}
	b, err := slurp(f, job.MaxFile)
	return err == nil && len(job.Parse(b).Jobs) == 0
}

func (a ask) event(n int) job.Event {
	return job.Event{Time: now(), Kind: job.Miss, Count: n, Addr: a.addr, Tool: a.tool, URL: a.url}
}

func firstLine(f *os.File) (string, error) {
	b, err := slurp(f, key.MaxURL+2)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), err
}

// makeMiss makes the file whole: temporary, then linked, which unlike rename
// never replaces what another server made at this moment.
func (s *Store) makeMiss(a ask) (Verdict, error) {
	done, err := s.takeRoom(a)
	if err != nil {
		return Noted, err
	}
	if done == nil {
		s.room.lost.Add(1)
		return IsFull, nil
	}
	defer done()
	first := a
	first.url = ""
	err = s.publishNew(a.url+"\n"+first.event(1).Line(), s.job(Misses, a.key), false)
	if errors.Is(err, fs.ErrExist) {
		return Noted, s.appendMiss(a, 1)
	}
	if err == nil {
		s.remember(a)
	}
	return Noted, err
}

// publishNew gives a whole new job file its name, or says fs.ErrExist.
func (s *Store) publishNew(content, path string, sync bool) error {
	f, err := s.writeTemp([]byte(content), 0o660, sync)
	if err != nil {
		return err
	}
	defer f.Close()
	unlock(f) // else the claim that its rename wakes finds it locked
	if err := renameNew(f.Name(), path); err != nil {
		os.Remove(f.Name())
		return err
	}
	return nil
}

// flushOld writes the repeats of those who asked first so long ago.
func (s *Store) flushOld(age time.Duration) error {
	return s.flushRepeats(func(r *repeat) bool { return time.Since(r.began) >= age })
}

// flushKey writes what is gathered of one miss, before its file moves on.
func (s *Store) flushKey(k string) {
	s.complain("misses", s.flushRepeats(func(r *repeat) bool { return r.last.key == k }))
}

// flushRepeats writes a line for each client of which due is true, and forgets
// those that have not asked again.
func (s *Store) flushRepeats(due func(*repeat) bool) error {
	var list []repeat
	s.repeats.mu.Lock()
	for who, r := range s.repeats.m {
		switch {
		case !due(r):
		case r.n == 0:
			delete(s.repeats.m, who)
		default:
			list = append(list, *r)
			r.began, r.lines, r.n = time.Now(), 0, 0
		}
	}
	s.repeats.mu.Unlock()
	var errs []error
	for _, r := range list {
		err := s.appendMiss(r.last, r.n)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOther) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// address cleans a client's address: without zone, IPv4 in its own form.
func address(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "-"
	}
	return a.Unmap().WithZone("").String()
}

// now is the time that logs carry: UTC, whole seconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
