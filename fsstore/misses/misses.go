// Package misses owns misses/: a file for each URL that a client asked for, that is not held and
// that nobody has approved. It bounds what strangers may have recorded: the number of files, a
// share of them for each network (quota.go), and a line a minute for repeats (repeats.go).
package misses

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/changes"
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
	maxMisses int            // most files in misses/
	changes   *changes.Watch // of misses/
	onRecord  func(k string, u key.URL) (approved bool)
}

// New returns the Misses of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules, a *held.Cache, p *spool.Spool,
	maxMisses int) *Misses {
	return &Misses{tree: t, health: h, queries: q, held: a, spool: p, maxMisses: maxMisses,
		repeats:  repeats{m: map[interest]*repeat{}},
		changes:  changes.New(t.Path(string(tree.Misses), "")),
		onRecord: func(string, key.URL) bool { return false }}
}

// OnRecord has approve called after a miss of u was recorded under the key k for the first time.
// NoteMiss answers VerdictQueued where it returns true. Call it before any NoteMiss.
func (s *Misses) OnRecord(approve func(k string, u key.URL) bool) { s.onRecord = approve }

// WatchMisses has repeats of a miss counted without a look at its file, while misses/ stays as it is,
// until ctx ends.
func (s *Misses) WatchMisses(ctx context.Context) { s.changes.Run(ctx, nil) }

// Asker is the client behind a request.
type Asker struct {
	Addr      string // its address without port
	UserAgent string // as sent; only the first product token is kept
}

// Verdict says why a URL is not held, in the words of Cache-Status details.
type Verdict string

// The verdicts of NoteMiss and VerdictOf.
const (
	VerdictNoted  Verdict = "uri-miss" // in misses/, or recorded there now
	VerdictQueued Verdict = "queued"
	VerdictActive Verdict = "active"
	VerdictDenied Verdict = "denied"
	VerdictAbsent Verdict = "uri-miss-only-if-cached" // VerdictOf alone: nobody asked for it so far
	VerdictFull   Verdict = "uri-miss-not-noted"      // misses/ is at its cap, or this client's share is
	VerdictIll    Verdict = "uri-miss-ill"            // meta/ or blobs/ can't be read: it may be held
	VerdictCopy   Verdict = "uri-miss-replica"        // a replica records no misses
)

const (
	// smallMiss is the size, some twenty lines, up to which each request is written at once,
	// because people count the lines of a small miss with cat.
	smallMiss = 1 << 10
	// GatherFor is how long a client's repeats are counted in memory before they are written as one
	// line.
	GatherFor = time.Minute
	// linesAtOnce is how many lines a client may write in that time without waiting, for other URLs
	// of the artifact or other tools, because pages and approvals go by the file.
	linesAtOnce = 10
	// maxGathered bounds the clients kept in memory. Past it each request is written at once.
	maxGathered = 50_000
	// StaleAfter is how long a miss stays after the last request for it.
	StaleAfter = 30 * 24 * time.Hour
)

// interest is what repeats are counted by: one client and one normalised URL, by whatever tool.
// The client is a network, because an IPv6 host has 2^64 addresses.
type interest struct{ sum, client string }

// request is one client's request for what is not held.
type request struct {
	interest
	key             string // of its file in misses/
	addr, tool, url string
}

// NoteMiss records that a client asked for rawURL, which is not held, unless it is queued, active
// or denied already. The verdict says which, and is right even when the error says that the miss
// could not be recorded. A miss is not fsynced. A replica records none.
func (s *Misses) NoteMiss(rawURL string, by Asker) (Verdict, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return "", err
	}
	return s.note(u, u.Sum(), u.Key(), by)
}

// NoteMissOf is NoteMiss of a handle's URL.
func (s *Misses) NoteMissOf(h *held.Handle, by Asker) (Verdict, error) {
	u, sum, k := h.Names()
	return s.note(u, sum, k, by)
}

// note records a miss of u, whose Sum and Key are sum and k.
func (s *Misses) note(u key.URL, sum, k string, by Asker) (Verdict, error) {
	if s.tree.ReadOnly {
		return cmp.Or(s.decided(u, s.spool.IDOf(u)), VerdictCopy), nil
	}
	addr := Address(by.Addr)
	a := request{interest{sum, network(addr)}, k, addr, job.Tool(by.UserAgent), u.Whole()}
	if s.countRepeat(a) { //guard:TestNewURLsAreSeenAtOnce
		return VerdictNoted, nil
	}
	if s.health.Hangs() { //guard:cmd/fromcache.TestStorageThatHangs
		return VerdictIll, nil // to record it would wait, too
	}
	id := s.spool.IDOf(u)
	if !tree.Exists(s.tree.JobPath(tree.Misses, a.key)) {
		a.key = cmp.Or(s.spool.FindMiss(id), a.key) // an earlier server may have recorded it
	}
	return s.findOrMake(u, id, a)
}

// findOrMake looks for the URL's job in the order of a job's states, because a job that moves
// meanwhile is then found in its next one. Where there is none it makes the miss.
func (s *Misses) findOrMake(u key.URL, id spool.ArtifactID, a request) (Verdict, error) {
	err := s.appendMiss(a, 1)
	if errors.Is(err, errOther) || errors.Is(err, tree.ErrHardLinked) {
		return s.refuseNote(a, err), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return VerdictNoted, err
	}
	if v := s.decided(u, id); v != "" {
		return v, nil
	}
	return s.makeMiss(u, a)
}

// refuseNote logs why a miss can't be recorded in the file of its name.
func (s *Misses) refuseNote(a request, why error) Verdict {
	s.quota.lost.Add(1)
	s.health.OnceAMinute("miss", func() {
		s.tree.Log.Error("a miss is not recorded", "file", "misses/"+a.key, "err", why)
	})
	return VerdictFull
}

// appendMiss adds one line to a miss that exists. It never makes the file, because that would
// bring back a miss that an operator has just moved. A line that comes late goes to queue/ with
// the file.
func (s *Misses) appendMiss(a request, n int) error {
	f, err := tree.OpenAppend(s.tree.JobPath(tree.Misses, a.key))
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
	} else if s.isOfOther(line1, a) { //guard:fsstore/spool.TestAMissOfAnotherURLUnderTodaysName
		return errOther
	}
	s.countLine(asWritten)
	if info.Size() >= job.MissRoom { //guard:TestAMissStopsGrowing
		return nil // full: counts are lower bounds from here
	}
	_, err = f.WriteString(spool.MissingNewline(f, info) + again + a.event(n).Line())
	return err
}

// isOfOther reports whether the URL of a miss is of another artifact than a.
func (s *Misses) isOfOther(line1 string, a request) bool {
	u, err := s.queries.Parse(line1)
	return err == nil && u.Sum() != a.sum
}

// hasNoURL reports whether a miss holds no URL. A power cut can leave such a file, because misses
// are not fsynced; the next client that asks gives it its URL.
func hasNoURL(f *os.File, line1 string) bool {
	if _, err := key.FetchURL(line1); err == nil {
		return false
	}
	b, err := tree.Slurp(f, job.MaxFile)
	return err == nil && len(job.Parse(b).Jobs) == 0
}

func (a request) event(n int) job.Event {
	return job.Event{Time: tree.Now(), Kind: job.Miss, Count: n,
		Addr: a.addr, Tool: a.tool, URL: a.url}
}

func firstLine(f *os.File) (string, error) {
	b, err := tree.Slurp(f, key.MaxURL+2)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), err
}

// makeMiss makes the file of a miss: written in tmp/, then linked, because a rename would replace
// what another server made at this moment.
func (s *Misses) makeMiss(u key.URL, a request) (Verdict, error) {
	done, err := s.takeQuota(a.key, a.client, max(1, s.maxMisses/10))
	if err != nil {
		return VerdictNoted, err
	}
	if done == nil {
		s.quota.lost.Add(1)
		return VerdictFull, nil
	}
	defer done()
	first := a
	first.url = ""
	text := a.url + "\n" + first.event(1).Line()
	err = s.tree.WriteNew(text, s.tree.JobPath(tree.Misses, a.key), false)
	if errors.Is(err, fs.ErrExist) {
		return VerdictNoted, s.appendMiss(a, 1)
	}
	if err == nil {
		s.countLine(a)
		s.spool.Arrived(tree.Misses, a.key)
		if s.onRecord(a.key, u) {
			return VerdictQueued, nil
		}
	}
	return VerdictNoted, err
}

// errOther is the error for a file under a URL's key that is the miss of another URL.
var errOther = errors.New("the file of that name is of another URL: move it away")

// Address cleans a client's address: without zone, and IPv4 in its own form. It returns "-" for
// what is no address.
func Address(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "-"
	}
	return a.Unmap().WithZone("").String()
}
