package held

import (
	"io/fs"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// NewRecord returns the text of a job in done/ for an artifact that has none, or "" where its URL
// was redacted and can't be fetched.
func (s *Cache) NewRecord(k string) string {
	a, err := s.Artifact(k)
	if err != nil || key.IsRedacted(a.URL) {
		return ""
	}
	text := a.URL + "\n"
	if by := a.Approved; by != nil {
		e := job.Event{Time: by.Time, Kind: job.Approve, Count: 1, Via: by.Via, Addr: by.Addr}
		text += e.Line()
	}
	e := job.Event{Time: a.Fetched, Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}
	return text + e.Line()
}

// Record is what a job in done/ says of its artifact.
type Record struct {
	Job     job.Job
	Done    job.Event // the newest that names a digest
	Evicted bool      // since
	Earlier []string  // digests of the versions that it replaced
}

// recordOf reads a Record from a job's log.
func recordOf(j job.Job) (h Record, ok bool) {
	for _, e := range j.Events {
		switch {
		case e.Kind == job.Done && IsDigest(e.Sha256):
			if ok && e.Sha256 != h.Done.Sha256 {
				h.Earlier = append(h.Earlier, h.Done.Sha256)
			}
			h.Done, h.Evicted, ok = e, false, true
		case e.Kind == job.Evicted:
			h.Evicted = true
		case e.Kind == job.Restored:
			h.Evicted = false
		}
	}
	h.Job = j
	return h, ok
}

// readRecord reads one file of done/. Its error is fs.ErrNotExist for a file that names no digest.
func (s *Cache) readRecord(name string) (h Record, err error) {
	b, err := tree.ReadFile(s.tree.JobPath(tree.Done, name), tree.MaxJobFile)
	if err != nil {
		return h, err
	}
	if jobs := job.Parse(b).Jobs; len(jobs) == 1 {
		if h, ok := recordOf(jobs[0]); ok {
			return h, nil
		}
	}
	return h, fs.ErrNotExist
}

// LastRecord reads the newest job of key k in done/, which is named <k>.job. Its error is
// fs.ErrNotExist if there is none that names a digest.
func (s *Cache) LastRecord(k string) (h Record, err error) { return s.readRecord(k + ".job") }

// EachRecord calls do for the jobs in done/ whose names are keys, for atOnce of them at the same time
// and in no order. newest says whether it is the one of LastRecord.
func (s *Cache) EachRecord(atOnce int, do func(k string, newest bool, h *Record)) error {
	return s.tree.EachNames(string(tree.Done), func(names []string) error {
		tree.LoadAll(atOnce, names, func(name string) (none struct{}) {
			k := tree.StemOf(name)
			if !key.Valid(k) {
				return none
			}
			if h, err := s.readRecord(name); err == nil {
				do(k, name == k+".job", &h)
			}
			return none
		})
		return nil
	})
}
