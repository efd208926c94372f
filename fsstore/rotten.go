package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// rottenSuffix is what the scrub and fsck add to a blob that is not what its
// name says. gc never touches it, for it may be the only copy: it stays until a
// person removes it, or until it turns out to be sound and its blob is missing.
const rottenSuffix = ".rotten"

// Finding is an artifact whose blob the scrub took out of service or found
// missing, or a rotten blob that no artifact is known to need, and what became
// of it.
type Finding struct {
	Time         time.Time
	Key, Digest  string // of the artifact that needs it; Key is "" where none is known to
	What, Advice string

	kept string // the rotten blob's name in tmp/
}

// maxFindings bounds what is remembered; each is in the log as well.
const maxFindings = 100

// findingBook remembers the newest findings.
type findingBook struct {
	mu   sync.Mutex
	list []Finding
}

// Findings lists what the scrub of this process found and has not been mended,
// newest first, at most 100. An artifact that is held again, or was evicted, is
// no finding any more, nor is a rotten blob that nothing needs once it is removed.
func (s *Store) Findings() []Finding {
	s.found.mu.Lock()
	list := slices.Clone(s.found.list)
	s.found.mu.Unlock()
	open := slices.DeleteFunc(list, s.mended)
	slices.Reverse(open)
	for i := range open {
		s.bringUpToDate(&open[i])
	}
	return open
}

// bringUpToDate: what was advised at the time may have failed since.
func (s *Store) bringUpToDate(f *Finding) {
	if f.Key == "" {
		return
	}
	a, err := s.Artifact(f.Key)
	if err != nil {
		return
	}
	if fate := s.fate(a); fate != "" {
		f.Advice = fate
	} else if f.Advice == queuedAgain {
		f.Advice = jobGone
	}
}

func (s *Store) mended(f Finding) bool {
	if f.Key == "" {
		return !exists(s.path("tmp", f.kept))
	}
	a, err := s.Artifact(f.Key)
	return errors.Is(err, fs.ErrNotExist) || err == nil && exists(s.path("blobs", a.SHA256))
}

// addFinding reports whether it is news: a round finds again what an earlier
// one has found and nobody has mended.
func (s *Store) addFinding(f Finding) bool {
	s.found.mu.Lock()
	defer s.found.mu.Unlock()
	s.found.list = slices.DeleteFunc(s.found.list, s.mended)
	again := slices.IndexFunc(s.found.list, func(old Finding) bool { return f.Key != "" && old.Key == f.Key && old.Digest == f.Digest })
	switch {
	case again < 0:
	case f.kept == "":
		s.found.list[again].Advice = f.Advice
		return false
	default: // it came back, and is rotten again
		s.found.list = slices.Delete(s.found.list, again, again+1)
	}
	s.found.list = append(s.found.list, f)
	if n := len(s.found.list) - maxFindings; n > 0 {
		s.found.list = slices.Delete(s.found.list, 0, n)
	}
	return true
}

// rotten takes a blob out of service and has its artifacts fetched again. A
// crash between the two leaves metas without their blob, which are served as
// misses, and which the next round's lookForLost finds.
func (s *Store) rotten(d string, still func(path string) bool) error {
	var need []*Artifact
	var unread error
	for a, err := range s.Artifacts() {
		switch {
		case err != nil:
			unread = err
		case a.SHA256 == d:
			need = append(need, a)
		}
	}
	kept, err := s.putAside(d, still)
	if err != nil {
		return fmt.Errorf("%w: %w", errStuck, err)
	}
	if kept == "" {
		return nil
	}
	found := Finding{Digest: d, What: "its blob is rotten on the disk, and was taken out of service: it is tmp/" + kept + " now", kept: kept}
	if len(need) == 0 {
		found.What, found.Advice = ofNone(kept, unread)
		s.report(found)
	}
	for _, a := range need {
		found.Key = a.Key
		found.Advice, _ = s.requeue(a.Key, a.URL, By{Via: viaScrub})
		s.report(found)
	}
	return nil
}

// ofNone is what to say of a rotten blob that no artifact names. A meta that
// tells nothing may be of any blob, and the rotten one be the only copy.
func ofNone(kept string, unread error) (what, advice string) {
	if unread != nil {
		return "a blob is rotten on the disk, and a meta that is malformed or can't be read may need it",
			"run `fromcache fsck`, which says which meta that is, and mend it; keep tmp/" + kept + " until then"
	}
	return "a blob that no artifact needs is rotten on the disk", "look at tmp/" + kept + ", and rm it"
}

func (s *Store) report(f Finding) {
	f.Time = now()
	if s.addFinding(f) {
		s.log.Error("scrub: "+f.What, "key", f.Key, "digest", f.Digest, "advice", f.Advice)
	}
}

// rottenCopies lists the names in tmp/ of what was taken out of service as
// rotten, by digest.
func (s *Store) rottenCopies() (map[string][]string, error) {
	names, err := s.tmpNames()
	copies := map[string][]string{}
	for _, name := range names {
		if d, _, _ := strings.Cut(name, "."); IsDigest(d) && strings.HasSuffix(name, rottenSuffix) {
			copies[d] = append(copies[d], name)
		}
	}
	return copies, err
}

// bringBackSound undoes what the scrub or fsck did to a blob that is sound after
// all: what the disk could not read then it may read now. is reads a copy, and
// judges it.
func (s *Store) bringBackSound(name, d string, is func(*os.File) bool) bool {
	f, err := open(s.path("tmp", name), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	if !is(f) || !same(f, f.Name()) || exists(s.path("blobs", d)) { // what stands there keeps its place
		return false
	}
	if err := s.bringFrom(name, d); err != nil {
		s.complain("sound again", err)
		return false
	}
	s.log.Info("a blob that was taken out of service is sound, and back", "digest", d)
	return true
}

// takeOutRotten takes out of service a blob that was judged through f, as
// putAside does.
func (s *Store) takeOutRotten(f *os.File, d string) (kept string, err error) {
	return s.putAside(d, func(path string) bool { return same(f, path) })
}

// putAside takes a blob out of service, if the one by that name is still what
// was judged: a worker may have put a sound one in its place, and then the name
// that it has in tmp/ is "". What an earlier take-out left stays beside it.
func (s *Store) putAside(d string, still func(path string) bool) (kept string, err error) {
	return s.putAsideFrom(s.path("blobs", d), d, still)
}

// putAsideFrom is putAside of a blob that has another path.
func (s *Store) putAsideFrom(path, d string, still func(path string) bool) (kept string, err error) {
	for n := 1; ; n++ {
		judged, _ := os.Lstat(path)
		if !still(path) {
			return "", nil
		}
		kept = d + rottenSuffix
		if n > 1 {
			kept = fmt.Sprintf("%s.%d%s", d, n, rottenSuffix)
		}
		err := renameNew(path, s.path("tmp", kept))
		if err == nil && s.caughtAnother(judged, kept) {
			return "", s.bringFrom(kept, d)
		}
		if !errors.Is(err, fs.ErrExist) || n > 999 {
			return kept, err
		}
	}
}

// caughtAnother: a rename is of a name, and no look at the file before it can
// tell which one it will catch. Until a sound one that came in between is back,
// its artifact is a miss.
func (s *Store) caughtAnother(judged fs.FileInfo, kept string) bool {
	caught, err := os.Lstat(s.path("tmp", kept))
	return err == nil && !os.SameFile(judged, caught)
}
