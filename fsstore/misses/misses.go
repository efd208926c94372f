// Package misses owns misses/: a file for each URL that a client asked for, that is not held and
// that nobody has approved. It bounds what strangers may have noted: the number of files, a share of
// them for each network, and a line a minute for repeats.
package misses

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
)

// Misses is misses/: what clients asked for and nobody has approved.
type Misses struct {
	tree      *tree.Tree
	health    *health.Monitor
	queries   *queries.Rules
	held      *held.Cache
	spool     *spool.Spool
	repeats   repeats
	quota     quota
	maxMisses int // most files in misses/
}

// New returns the Misses of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules, a *held.Cache, p *spool.Spool, maxMisses int) *Misses {
	return &Misses{tree: t, health: h, queries: q, held: a, spool: p, repeats: repeats{m: map[interest]*repeat{}}, maxMisses: maxMisses}
}

const (
	// smallMiss: until a file has so many bytes, some twenty lines, each asking is
	// written at once, because a person counts in ls, cat and mv while they are few.
	smallMiss = 1 << 10
	// GatherFor: after that a client's repeats make at most one line in this time.
	GatherFor = time.Minute
	// linesAtOnce is how many lines a client may write in that time without waiting,
	// for other URLs of the artifact or other tools: a page shows and a button
	// approves what the file says.
	linesAtOnce = 10
	// maxGathered bounds the clients kept in memory; past it each asking is written.
	maxGathered = 50_000
	// StaleAfter: a miss that nobody asked for in this time goes.
	StaleAfter = 30 * 24 * time.Hour
)

// interest is a client's interest in one normalised URL, by whatever tool. The client
// is a network, because a host has 2^64 addresses of its own to fill a miss with.
type interest struct{ sum, client string }

// request is one request for what is not held.
type request struct {
	interest
	key             string // of its file in misses/
	addr, tool, url string
}

// repeat is what one client asked for since began. What is gathered counts for the
// address, the tool and the URL that were written last.
type repeat struct {
	began time.Time
	lines int     // written since
	last  request // written
	n     int     // not written
}

// NoteMiss notes that a client asked for rawURL, which is not held, unless it is
// queued, active or denied already, and says which. The verdict is right even
// when an error says that it could not be noted. Notes are not fsynced.
func (s *Misses) NoteMiss(rawURL string, by spool.Asker) (spool.Verdict, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return "", err
	}
	addr := spool.Address(by.Addr)
	a := request{interest{u.Sum(), network(addr)}, u.Key(), addr, job.Tool(by.UserAgent), u.Whole()}
	if s.countRepeat(a) {
		return spool.VerdictNoted, nil
	}
	sub := s.spool.SubjectOf(u)
	if !tree.Exists(s.tree.JobPath(tree.Misses, a.key)) {
		a.key = cmp.Or(s.spool.FindMiss(sub), a.key) // an earlier server may have noted it
	}
	return s.findOrMake(u, sub, a)
}

// countRepeat counts a repeat in memory while its file is still in misses/.
func (s *Misses) countRepeat(a request) bool {
	s.repeats.mu.Lock()
	r := s.repeats.m[a.interest]
	if r != nil {
		a.key = r.last.key
	}
	gathers := r != nil && (a == r.last || r.lines >= linesAtOnce)
	s.repeats.mu.Unlock()
	if !gathers {
		return false
	}
	var st unix.Stat_t
	err := unix.Lstat(s.tree.JobPath(tree.Misses, a.key), &st)
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	if err != nil {
		delete(s.repeats.m, a.interest)
	}
	if err != nil || st.Size < smallMiss {
		return false
	}
	r.n++
	return true
}

// findOrMake looks for the job in the direction in which jobs flow, so that a moving
// file cannot slip past.
func (s *Misses) findOrMake(u key.URL, sub spool.Subject, a request) (spool.Verdict, error) {
	err := s.appendMiss(a, 1)
	if errors.Is(err, spool.ErrOther) || errors.Is(err, tree.ErrShared) {
		return s.refuseNote(a, err), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return spool.VerdictNoted, err
	}
	if name := s.spool.DenialOf(u); name != "" {
		return spool.VerdictDenied, nil
	}
	if s.spool.FindQueued(sub) != "" {
		return spool.VerdictQueued, nil
	}
	if s.spool.FindActive(sub) != "" {
		return spool.VerdictActive, nil
	}
	if s.held.Holds(u) {
		return spool.VerdictNoted, nil // published while we looked
	}
	if s.health.Blind() {
		return spool.VerdictIll, nil
	}
	return s.makeMiss(a)
}

// refuseNote tells an operator why a miss can't be noted in the file of its name.
func (s *Misses) refuseNote(a request, why error) spool.Verdict {
	s.quota.lost.Add(1)
	s.health.Sometimes("miss", func() {
		s.tree.Log.Error("a miss is not noted", "file", "misses/"+a.key, "err", why)
	})
	return spool.VerdictFull
}

// countLine notes that a line was written.
func (s *Misses) countLine(a request) {
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	r := s.repeats.m[a.interest]
	if r == nil {
		if len(s.repeats.m) >= maxGathered {
			return
		}
		r = &repeat{began: time.Now()}
		s.repeats.m[a.interest] = r
	}
	r.lines++
	r.last = a
}

// appendMiss adds one line to a miss that is there. It never creates the file:
// a late line lands in queue/ with the file it was meant for, where it does no
// harm, and never brings back what an operator has just moved.
func (s *Misses) appendMiss(a request, n int) error {
	f, err := tree.OpenOwn(s.tree.JobPath(tree.Misses, a.key))
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
	} else if hasNoURL(f, line1) {
		again, a.url = a.url+"\n", ""
	} else if u, err := s.queries.Parse(line1); err == nil && u.Sum() != a.sum {
		return spool.ErrOther
	}
	s.countLine(asWritten)
	if info.Size() >= job.MissRoom {
		return nil // full: counts are lower bounds from here
	}
	_, err = f.WriteString(spool.MissingNewline(f, info) + again + a.event(n).Line())
	return err
}

// hasNoURL reports whether a miss has no URL, as a power cut leaves one: misses
// are not fsynced. It gets its URL from the next client that asks.
func hasNoURL(f *os.File, line1 string) bool {
	if _, err := key.FetchURL(line1); err == nil {
		return false
	}
	b, err := tree.Slurp(f, job.MaxFile)
	return err == nil && len(job.Parse(b).Jobs) == 0
}

func (a request) event(n int) job.Event {
	return job.Event{Time: tree.Now(), Kind: job.Miss, Count: n, Addr: a.addr, Tool: a.tool, URL: a.url}
}

func firstLine(f *os.File) (string, error) {
	b, err := tree.Slurp(f, key.MaxURL+2)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), err
}

// makeMiss makes the file whole: temporary, then linked, which unlike rename
// never replaces what another server made at this moment.
func (s *Misses) makeMiss(a request) (spool.Verdict, error) {
	done, err := s.takeQuota(a)
	if err != nil {
		return spool.VerdictNoted, err
	}
	if done == nil {
		s.quota.lost.Add(1)
		return spool.VerdictFull, nil
	}
	defer done()
	first := a
	first.url = ""
	err = s.tree.PublishNew(a.url+"\n"+first.event(1).Line(), s.tree.JobPath(tree.Misses, a.key), false)
	if errors.Is(err, fs.ErrExist) {
		return spool.VerdictNoted, s.appendMiss(a, 1)
	}
	if err == nil {
		s.countLine(a)
	}
	return spool.VerdictNoted, err
}

// FlushRepeats writes the repeats of those who asked first so long ago.
func (s *Misses) FlushRepeats(age time.Duration) error {
	return s.flushRepeats(func(r *repeat) bool { return time.Since(r.began) >= age })
}

// FlushRepeatsOf writes what is gathered of one miss, before its file moves on.
func (s *Misses) FlushRepeatsOf(k string) {
	s.health.Complain("misses", s.flushRepeats(func(r *repeat) bool { return r.last.key == k }))
}

// flushRepeats writes a line for each client of which due is true, and forgets
// those that have not asked again.
func (s *Misses) flushRepeats(due func(*repeat) bool) error {
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
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, spool.ErrOther) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
