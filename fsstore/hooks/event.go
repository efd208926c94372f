package hooks

import (
	"errors"
	"io/fs"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// The names of the events, which are those of the programs.
const (
	Miss   = "miss"
	Done   = "done"
	Failed = "failed"
	Check  = "check"
)

// events are all of them.
var events = []string{Miss, Done, Failed, Check}

// Event is what a program reads. A field that says nothing about an event is left out. What may be
// a secret in a URL or a reason is redacted as on the pages; the text stays that of strangers.
type Event struct {
	Event   string    `json:"event"`
	Time    time.Time `json:"time"` // UTC, seconds
	Key     string    `json:"key,omitempty"`
	URL     string    `json:"url,omitempty"`
	Job     string    `json:"job"`               // path of the job's file, which may move on
	Path    string    `json:"path,omitempty"`    // of the bytes, to be read only
	Size    int64     `json:"size,omitempty"`    // bytes
	SHA256  string    `json:"sha256,omitempty"`  // 64 hex digits
	Reason  string    `json:"reason,omitempty"`  // of failed
	Misses  int       `json:"misses,omitempty"`  // times asked for
	Clients int       `json:"clients,omitempty"` // that asked
	Client  string    `json:"client,omitempty"`  // that asked first
	Tool    string    `json:"tool,omitempty"`    // of that client
}

// eventOf describes a job file that has come to a directory. Event is "" where there is nothing to
// tell: done/ also gets a file for an artifact that was evicted, and a person may have moved the
// file on.
func eventOf(s *fsstore.Store, st fsstore.State, name string) (Event, error) {
	f, err := s.JobFile(st, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Event{}, nil
	}
	if err != nil {
		return Event{}, err
	}
	e := Event{Time: now(), Key: f.Key, Job: s.JobPath(st, name)}
	switch st {
	case fsstore.Misses:
		e.Event = Miss
	case fsstore.Failed:
		e.Event, e.Reason = Failed, key.RedactText(f.Job.Reason())
	case fsstore.Done:
		d, ok := f.Job.Newest(job.Done)
		if !ok {
			return Event{}, nil
		}
		e.Event, e.Size, e.SHA256, e.Path = Done, d.Size, d.Sha256, s.BlobPath(d.Sha256)
	}
	if f.Job.URL != "" {
		e.URL = key.Redact(f.Job.FetchURL())
	}
	e.addClients(&f.Job)
	return e, nil
}

func (e *Event) addClients(j *job.Job) {
	e.Misses, _ = j.Misses()
	clients := j.Clients()
	e.Clients = job.Addresses(clients)
	if len(clients) > 0 {
		e.Client, e.Tool = clients[0].Addr, clients[0].Tool
	}
}

// checkOf describes a download that waits for a verdict.
func checkOf(c fetch.Candidate) Event {
	return Event{
		Event: Check, Time: now(), Key: c.Key, URL: key.Redact(c.URL),
		Job: c.Job, Path: c.Path, Size: c.Size, SHA256: c.SHA256,
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
