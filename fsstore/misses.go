package fsstore

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

const (
	// youngMiss: until a file has so many bytes, some twenty lines, each asking is
	// written at once, so that counts are exact while they are small.
	youngMiss = 1 << 10
	// gather: after that a client's repeats make at most one line in this time.
	gather = time.Minute
	// linesAtOnce: another URL of the same artifact, or another tool, is written
	// without waiting, for what a page shows, and what mv and a button approve, is
	// what the file says. So many lines a client may write in the time of one
	// gathering.
	linesAtOnce = 10
	// maxGathered bounds the repeats kept in memory; past it each is written at once.
	maxGathered = 50_000
	// staleMiss: a miss that nobody asked for in this time goes.
	staleMiss = 30 * 24 * time.Hour
)

// noteBook is what one process knows of the misses it has noted.
type noteBook struct {
	mu     sync.Mutex
	repeat map[asked]*repeat
	owner  map[string]string // key of each file in misses/ to the client that made it
	share  map[string]int    // files that each client made
	making map[string]bool   // keys whose file is being made
	lost   atomic.Int64
}

// asked is a client's interest in one key, by whatever tool. The client is a
// network, for a host has 2^64 addresses of its own to fill a miss with.
type asked struct{ key, client string }

// ask is one request for what is not held.
type ask struct {
	asked
	addr, tool, url string
	sum             string // of the normalised URL
}

// repeat is what one client asked for again. What is gathered counts for the
// address and the URL that were written last.
type repeat struct {
	began time.Time // of the gathering
	lines int       // written since
	last  ask       // written
	n     int       // not written
	at    time.Time // of the last of them
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
	a := ask{asked{u.Key(), network(addr)}, addr, job.Tool(by.UserAgent), u.Whole(), u.Sum()}
	if s.repeated(a) {
		return Noted, nil
	}
	sub := s.about(u)
	if !exists(s.job(Misses, a.key)) {
		if old := s.miss(sub); old != "" { // an earlier server has noted it
			if a.key = old; s.repeated(a) {
				return Noted, nil
			}
		}
	}
	return s.note(u, sub, a)
}

// repeated counts a repeat in memory while its file is still in misses/.
func (s *Store) repeated(a ask) bool {
	s.notes.mu.Lock()
	r := s.notes.repeat[a.asked]
	gathers := r != nil && time.Since(r.began) < gather && (a == r.last || r.lines >= linesAtOnce)
	s.notes.mu.Unlock()
	if !gathers {
		return false
	}
	var st unix.Stat_t
	if unix.Lstat(s.job(Misses, a.key), &st) != nil || st.Size < youngMiss {
		return false
	}
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	r.n++
	r.at = now()
	return true
}

// note looks for the job in the direction in which jobs flow, so that a moving
// file cannot slip past.
func (s *Store) note(u key.URL, sub subject, a ask) (Verdict, error) {
	err := s.appendMiss(a, 1+s.taken(a.asked), now())
	if errors.Is(err, errOther) {
		return s.notNoted(a), nil
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
	switch room, err := s.room(a.asked); {
	case err != nil:
		return Noted, err
	case !room:
		s.notes.lost.Add(1)
		return IsFull, nil
	}
	return Noted, s.makeMiss(a)
}

// notNoted: a person has given its name to the miss of another URL, under which
// it must not be approved.
func (s *Store) notNoted(a ask) Verdict {
	s.notes.lost.Add(1)
	if s.quiet.may("miss "+a.key, time.Minute) {
		s.log.Error("a miss is not noted, for the file of its name is of another URL: move that away", "file", "misses/"+a.key)
	}
	return IsFull
}

func (s *Store) held(u key.URL) bool {
	a, err := s.heldAs(u)
	return err == nil && s.checkBlob(a) == nil
}

// taken takes what was gathered of a repeat, so that it can be written.
func (s *Store) taken(who asked) int {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	r := s.notes.repeat[who]
	if r == nil {
		return 0
	}
	n := r.n
	r.n = 0
	return n
}

// remember notes that a line was written.
func (s *Store) remember(a ask) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if s.notes.repeat == nil {
		s.notes.repeat = map[asked]*repeat{}
	}
	r := s.notes.repeat[a.asked]
	switch {
	case r != nil && time.Since(r.began) < gather:
		r.lines++
		r.last = a
	case r != nil || len(s.notes.repeat) < maxGathered:
		s.notes.repeat[a.asked] = &repeat{began: time.Now(), lines: 1, last: a}
	}
}

// appendMiss adds one line to a miss that is there, of what was asked last at a
// time. It never creates the file:
// a late line lands in queue/ with the file it was meant for, where it does no
// harm, and never brings back what an operator has just moved.
func (s *Store) appendMiss(a ask, n int, at time.Time) error {
	f, err := open(s.job(Misses, a.key), os.O_RDWR|os.O_APPEND)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < job.MissRoom && hasSecondName(f) {
		return s.appendOwn(f, a, n, at)
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
	_, err = f.WriteString(lineEnd(f, info) + again + a.event(n, at).Line())
	return err
}

// appendOwn replaces by a copy a miss that has a second name, which may be outside
// of the tree: what a client makes us write would stand there too. The name goes
// first, for what an operator has just moved must not come back; a crash between
// the two costs a note.
func (s *Store) appendOwn(f *os.File, a ask, n int, at time.Time) error {
	own, err := s.copyOf(f, job.MaxFile)
	if err != nil {
		return err
	}
	defer own.Close()
	unlock(own) // as publishNew does
	err = os.Remove(f.Name())
	if err == nil {
		err = renameNew(own.Name(), f.Name())
	}
	if err != nil {
		os.Remove(own.Name())
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = s.appendMiss(a, n, at)
	}
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

func (a ask) event(n int, at time.Time) job.Event {
	return job.Event{Time: at, Kind: job.Miss, Count: n, Addr: a.addr, Tool: a.tool, URL: a.url}
}

func firstLine(f *os.File) (string, error) {
	b, err := slurp(f, key.MaxURL+2)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), err
}

// makeMiss makes the file whole: temporary, then linked, which unlike rename
// never replaces what another server made at this moment.
func (s *Store) makeMiss(a ask) error {
	line1 := a.url + "\n"
	first := a
	first.url = ""
	defer s.made(a.asked)
	err := s.publishNew(line1+first.event(1, now()).Line(), s.job(Misses, a.key), false)
	if errors.Is(err, fs.ErrExist) {
		return s.appendMiss(a, 1, now())
	}
	if err != nil {
		s.disown(a.asked)
		return err
	}
	s.remember(a)
	return nil
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

// flushNotes writes the repeats whose minute is over; all of them at the end.
func (s *Store) flushNotes(t time.Time, all bool) error {
	var list []repeat
	s.notes.mu.Lock()
	for who, r := range s.notes.repeat {
		if !all && t.Sub(r.began) < gather {
			continue
		}
		if r.n > 0 {
			list = append(list, *r)
		}
		delete(s.notes.repeat, who)
	}
	s.notes.mu.Unlock()
	var errs []error
	for _, r := range list {
		err := s.appendMiss(r.last, r.n, r.at)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOther) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// flushKey writes what is gathered of one key, before its file moves on.
func (s *Store) flushKey(k string) {
	s.notes.mu.Lock()
	var list []repeat
	for who, r := range s.notes.repeat {
		if who.key == k && r.n > 0 {
			list = append(list, *r)
			r.n = 0
		}
	}
	s.notes.mu.Unlock()
	for _, r := range list {
		s.complain("misses", s.appendMiss(r.last, r.n, r.at))
	}
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
