// Package spool owns the job files: queue/ (approved), done/, failed/, cancelled/ (ended) and
// denied/ (never). It lists and reads them, says which of them are about one URL, appends to their
// logs and moves them. The directory a file is in is its state, and rename is the verb:
//
//	misses/ --approve--> queue/ --claim--> active/ --> done/  failed/  cancelled/
//	                        ^------------- retry -----------------'
//
// misses/ is package misses', active/ package active's, and what an operator does package verbs'.
package spool

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/queries"
)

// Spool is the job files: queue/, done/, failed/, cancelled/ and denied/.
type Spool struct {
	tree    *tree.Tree
	health  *health.Monitor
	queries *queries.Rules
	held    *held.Cache
	queue   queueIndex

	onArrival func(tree.State, string) // nil: nobody wants to know
}

// New returns the Spool of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules, a *held.Cache) *Spool {
	s := &Spool{tree: t, health: h, queries: q, held: a}
	s.queue.files = tree.Mirror[queueFile]{
		Dir: t.JobPath(tree.Queue, ""), Ours: tree.IsQueueName, Load: s.loadQueued,
	}
	return s
}

// OnArrival has f called after this process has put a job file into misses/, done/, failed/ or
// cancelled/. f must not block. It is to be set before the first job moves.
func (s *Spool) OnArrival(f func(st tree.State, name string)) { s.onArrival = f }

// Arrived tells whoever wants to know that a job file is in a directory now.
func (s *Spool) Arrived(st tree.State, name string) {
	if s.onArrival != nil {
		s.onArrival(st, name)
	}
}

// Operator is who asked for a verb, as the log in the job shows it.
type Operator struct {
	Via  string // web, cli
	Addr string // address or user name
}

// JobFile is one file of the spool as a listing shows it.
type JobFile struct {
	State  tree.State
	Name   string // of the file in its directory; the id that verbs take
	Key    string // "" if the file has no usable URL yet
	Worker string // of a file in active/
	Job    job.Job
	Batch  int    // number of URLs if the file is a list, else 0
	PutOff bool   // it waits in queue/ because a person wrote so
	Note   string // why the file is ignored or cannot be read, in words that say what to do
	Part   int64  // bytes fetched so far (active/), or kept for a resume
	Total  int64  // bytes promised by the origin, -1 unknown
	Due    time.Time

	// A View sets these. Asked is what Job.Events lacks then: the misses of a job that has not ended.
	// AskedBy is what a search finds a job that has ended by: its first clients, a line of address,
	// space and tool each. Host and Redacted are of a miss: its URL's host, or "", and the URL as it
	// may be shown.
	Asked          *job.MissSummary
	AskedBy        string
	Host, Redacted string
}

// AskedFor reports whether one of the clients of a JobFile's AskedBy has this address, or a tool whose
// name has text, which is in lower case.
func AskedFor(askedBy, text string) bool {
	for line := range strings.Lines(askedBy) {
		addr, tool, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if addr == text || strings.Contains(strings.ToLower(tool), text) {
			return true
		}
	}
	return false
}

// AskedFor reports whether a job that has ended was asked for by a client that AskedFor tells.
func (j *JobFile) AskedFor(text string) bool { return AskedFor(j.AskedBy, text) }

// ErrInvalid is the error for what is no digest, name or host, or can't be in a job.
var ErrInvalid = errors.New("invalid")

// ErrBusy is the error for a job that can't be changed now: it is being fetched, or another's file.
var ErrBusy = errors.New("busy")

// ErrDenied is the error for a URL that a file in denied/ denies.
var ErrDenied = errors.New("denied")

// Event returns a log line of this operator.
func (by Operator) Event(k job.Kind) job.Event {
	return job.Event{Time: tree.Now(), Kind: k, Count: 1, Via: by.Via, Addr: by.Addr}
}

// DenyEvent returns the log line of a denial.
func (by Operator) DenyEvent() job.Event {
	text := strings.TrimSpace(by.Via + " " + by.Addr)
	return job.Event{Time: tree.Now(), Kind: "deny", Count: 1, Text: text}
}

// LastEventTime returns the time of a job's last event. ok is false for a job without any.
func LastEventTime(j *job.Job) (t time.Time, ok bool) {
	for i := range j.Events {
		if e := j.Events[i].Time; e.After(t) {
			t, ok = e, true
		}
	}
	return t, ok
}

// Absent returns the fs.ErrNotExist of a file that is not in a directory of the spool.
func Absent(st tree.State, name string) error {
	return &fs.PathError{Op: "find", Path: string(st) + "/" + name, Err: fs.ErrNotExist}
}
