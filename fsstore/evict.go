package fsstore

import (
	"errors"
	"io/fs"
	"os"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Evict removes the artifact: the next request is a miss. gc keeps its blob a
// day longer. What waits to fetch it is cancelled, and what does so at this
// moment will fail: both were approved before. The line that an evict leaves in
// done/ comes first: it tells what was evicted from what was lost, and a crash in
// between leaves an artifact that is held. Where the meta is gone already, the
// line says that it was meant.
func (s *Store) Evict(k string, by By) error {
	if !plain(k) {
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	if !exists(s.path("meta", k+".json")) {
		return s.evictLost(k, by)
	}
	a, unread := s.Artifact(k)
	s.complain("the line of an evict", s.noteEvict(k, by))
	if err := os.Remove(s.path("meta", k+".json")); err != nil {
		return err
	}
	s.log.Info("evicted", "key", k, "via", by.Via, "addr", by.Addr)
	err := syncDir(s.path("meta", ""))
	if unread == nil {
		err = errors.Join(err, s.supersede(aboutHeld(k, a.URLSum), "its artifact was evicted; retry to fetch it all the same", by, Queue))
	}
	return err
}

func (s *Store) evictLost(k string, by By) error {
	h, ok := s.lastHeld(k)
	if !ok || h.evicted {
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	return s.appendHistory(k, by.event(job.Evicted))
}

// noteEvict writes the line. A full disk, or a file that another user made, is
// no reason to keep what is to go: without its line an evict looks like one by
// hand.
func (s *Store) noteEvict(k string, by By) error {
	e := by.event(job.Evicted)
	if _, ok := s.lastHeld(k); ok {
		return s.appendHistory(k, e)
	}
	history := s.missingHistory(k)
	if history == "" {
		return nil
	}
	f, err := s.writeTemp([]byte(history+e.Line()), 0o660, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := s.moveEnded(f.Name(), Done, k); err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(s.path(string(Done), ""))
}

func (s *Store) appendHistory(k string, e job.Event) error {
	f, err := openJob(s.job(Done, k+".job"))
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.Join(appendWhole(f, e.Line()), f.Sync())
}

// missingHistory is what a job in done/ would say of an artifact that has none
// any more, or "": a URL that was redacted is none to fetch.
func (s *Store) missingHistory(k string) string {
	a, err := s.Artifact(k)
	if err != nil || key.IsRedacted(a.URL) {
		return ""
	}
	text := a.URL + "\n"
	if by := a.Approved; by != nil {
		text += job.Event{Time: by.Time, Kind: job.Approve, Count: 1, Via: by.Via, Addr: by.Addr}.Line()
	}
	return text + job.Event{Time: a.Fetched, Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}.Line()
}

// holding is what a job in done/ says of its artifact.
type holding struct {
	job     job.Job
	done    job.Event // the newest that names a digest
	evicted bool      // since
	earlier []string  // digests of the versions that it replaced
}

func heldBy(j job.Job) (h holding, ok bool) {
	for _, e := range j.Events {
		switch {
		case e.Kind == job.Done && IsDigest(e.Sha256):
			if ok && e.Sha256 != h.done.Sha256 {
				h.earlier = append(h.earlier, h.done.Sha256)
			}
			h.done, h.evicted, ok = e, false, true
		case e.Kind == job.Evicted:
			h.evicted = true
		}
	}
	h.job = j
	return h, ok
}

// history reads one file of done/.
func (s *Store) history(name string) (h holding, ok bool) {
	b, err := readFile(s.job(Done, name), maxJobFile)
	if err != nil {
		return h, false
	}
	if jobs := job.Parse(b).Jobs; len(jobs) == 1 {
		return heldBy(jobs[0])
	}
	return h, false
}

// lastHeld is what the newest job of key k in done/ says: moveEnded gives that its name.
func (s *Store) lastHeld(k string) (h holding, ok bool) { return s.history(k + ".job") }

// lostInWords says that an artifact was held, that its meta is gone, and that no
// verb has evicted it, where its blob is there still.
func (s *Store) lostInWords(sub subject) string {
	for _, k := range sub.names {
		if h, ok := s.lastHeld(k); ok && !h.evicted && !exists(s.path("meta", k+".json")) && s.stillThere(h.done.Sha256) {
			return "its meta is gone, and no verb has evicted it: `fromcache fsck --repair` writes it anew; if it was meant, `fromcache evict " + k + "` says so"
		}
	}
	return ""
}

// stillThere reports whether a blob's bytes can be had: gc keeps them for a day.
func (s *Store) stillThere(d string) bool {
	return isRegular(s.path("blobs", d)) || isRegular(s.path("tmp", d+goneSuffix))
}

// eachHistory walks done/, but for lists and what a person has named. newest says whether name is
// the one of lastHeld.
func (s *Store) eachHistory(do func(k string, newest bool, h *holding)) error {
	return s.eachNames(string(Done), func(names []string) error {
		for _, name := range names {
			k := stemOf(name)
			if !key.Valid(k) {
				continue
			}
			if h, ok := s.history(name); ok {
				do(k, name == k+".job", &h)
			}
		}
		return nil
	})
}
