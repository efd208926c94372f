// Package job reads and writes the job file: one format in all job directories.
//
// Line 1 is the URL; then the job's own log, a line an event, and option lines wherever a person put them:
//
//	https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run
//	2026-11-22T21:27:26Z miss 10.0.0.7 curl/7.88.1
//	2026-11-22T21:31:00Z approve web 10.0.0.2
//	2026-11-22T21:31:00Z start 6211829760 "etag" host 4711
//	2026-11-22T21:31:40Z kept 1048576
//	2026-11-22T21:31:40Z error 503 Service Unavailable, after 2026-11-22T21:33:40Z
//
// A URL alone is a whole pre-seed, a file of many URLs is a batch. Options are sha256, after and accept; they belong to the
// URL above, and before the first URL to the first. Blank lines, lines that begin with "#", and CR are ignored.
//
// Lines are only ever appended, by httpd, by workers, by verbs and by people with echo; nobody rewrites a file in place. So
// a crash can cost a part of the last line and no more, and Parse takes every other line for what it says. What a line
// means depends on the lines before it, never on the file's times: Due, Attempts, Approved and FetchURL are read off the log.
//
// Clients choose the tool and the URL of a miss. Line makes them safe, so that no client can write a line of another kind.
// They are still hostile when shown: URLs may carry a signature, and go through key.Redact.
//
// The package is pure: it touches no disk and reads no clock.
package job

import (
	"strings"
	"time"
)

const (
	// MaxFile is the size in bytes at which a job file stops growing.
	MaxFile = 64 << 10
	// MissRoom is the size at which no more misses are noted, so that the job's own events always find room.
	MissRoom = 48 << 10
)

// Kind says what happened.
type Kind string

// The kinds that mean something here. Others are kept as they are: a newer version wrote them.
const (
	Miss      Kind = "miss"      // asked for and not held: Count, Addr, Tool, URL
	Approve   Kind = "approve"   // Via, Addr, URL
	Claim     Kind = "claim"     // a worker took it: Text is its host, process, boot and name
	Start     Kind = "start"     // a fetch begins: Size, ETag or Modified, Host, PID, From
	Kept      Kind = "kept"      // so many bytes of the part are on the disk: Size
	Error     Kind = "error"     // an attempt that failed: Text, After
	Wait      Kind = "wait"      // put off, and no attempt: Text, After
	Failed    Kind = "failed"    // given up: Text
	Cancelled Kind = "cancelled" // stopped by an operator: Via, Addr
	Done      Kind = "done"      // fetched: Size, Sha256, Unchanged
	Evicted   Kind = "evicted"   // held no longer, by an operator: Via, Addr
	Retry     Kind = "retry"     // put back by an operator: Via, Addr, URL
	Requeue   Kind = "requeue"   // put back by a worker or by recovery, and no attempt: Text
)

// Event is one line of the log. Each kind has fields of its own; Line writes no others.
type Event struct {
	Time      time.Time // UTC, whole seconds
	Kind      Kind
	Count     int       // how many misses; 1 for all other kinds
	Addr      string    // of the client or operator; "" where there is none
	Tool      string    // of the client; "-" where there is none
	Via       string    // web, cli, shell, add, put, batch
	URL       string    // of a miss, approve or retry, when it differs from line 1
	Size      int64     // bytes, of start, kept and done; -1 is unknown. 0 for other kinds
	ETag      string    // strong, with its quotes; "" when there is none
	Modified  time.Time // of start: the Last-Modified by which it may be resumed; zero where there is none
	Host      string    // the cache-host that fetches
	PID       int       // and its process
	From      int64     // where a fetch resumed
	After     time.Time // not before this time; zero is at once
	Sha256    string    // of done, 64 hex digits
	Unchanged bool      // of done: the origin answered 304
	Text      string    // for people
}

// Clone returns the event with texts of its own: those that Parse made keep all of the file's alive.
func (e Event) Clone() Event {
	e.Kind = Kind(strings.Clone(string(e.Kind)))
	for _, s := range []*string{&e.Addr, &e.Tool, &e.Via, &e.URL, &e.ETag, &e.Host, &e.Sha256, &e.Text} {
		*s = strings.Clone(*s)
	}
	return e
}

// Job is what a file says about one URL.
type Job struct {
	URL           string    // as written
	Sha256        string    // expected, 64 lower hex digits, or ""
	AcceptHTML    bool      // a page is what is wanted
	AcceptAny     bool      // whatever comes is what is wanted
	AcceptHTTP    bool      // redirects to http are followed
	AcceptPrivate bool      // the URL's name may lead to a private address
	After         time.Time // what Due returns
	Flaws         []BadLine // its options that can't be taken, the first line of each, but those that a later line says well
	Events        []Event
	Size          int  // bytes of the whole file
	Full          bool // the file has reached MissRoom: counts are lower bounds
}

// Add appends e and does what its line would have done to After.
func (j *Job) Add(e Event) {
	switch e.Kind {
	case Error, Wait:
		if !e.After.IsZero() {
			j.After = e.After
		}
	case Failed, Cancelled, Done, Retry:
		j.After = time.Time{}
	}
	j.Events = append(j.Events, e)
}

// Due returns when the job may be fetched; zero is now. It is the newest "after" of an option, error or wait line, which
// counts until a later failed, cancelled, done or retry.
func (j *Job) Due() time.Time { return j.After }

// DueWritten returns the time of the line that Due comes from, where a worker wrote it: zero for an option. A time to come is one
// of a clock that was wrong.
func (j *Job) DueWritten() time.Time {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if e := &j.Events[i]; !e.After.IsZero() && e.After.Equal(j.After) {
			return e.Time
		}
	}
	return time.Time{}
}

// Attempts counts the errors since the last failed or retry, or since the last start that shows progress: that resumed
// beyond every earlier start, so that bytes were kept since.
func (j *Job) Attempts() int {
	n, furthest := 0, int64(0)
	for i := range j.Events {
		switch e := &j.Events[i]; e.Kind {
		case Error:
			n++
		case Failed, Retry:
			n, furthest = 0, 0
		case Start:
			if e.From > furthest {
				n, furthest = 0, e.From
			}
		}
	}
	return n
}

// Kept returns how many bytes of the job's part are on the disk, whatever a power cut has taken of the rest: those of the
// newest kept line, and no more than any start after it has gone on from.
func (j *Job) Kept() (n int64) {
	for i := range j.Events {
		switch e := &j.Events[i]; e.Kind {
		case Kept:
			n = e.Size
		case Start:
			n = min(n, e.From)
		}
	}
	return n
}

// Waits counts the waits since anything else happened but claims, and the kept lines before them.
func (j *Job) Waits() (n int) {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch j.Events[i].Kind {
		case Wait:
			n++
		case Claim, Kept:
		default:
			return n
		}
	}
	return n
}

// Approved reports whether an approve or retry stands, with no failed, cancelled or done after it. Where it does not, the
// claim writes the line that a shell mv left out: retry if the job has Ended, else approve.
func (j *Job) Approved() bool {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch j.Events[i].Kind {
		case Approve, Retry:
			return true
		case Failed, Cancelled, Done:
			return false
		}
	}
	return false
}

// Ended reports whether the job was failed, cancelled or done, and neither approved nor retried after that.
func (j *Job) Ended() bool {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch j.Events[i].Kind {
		case Approve, Retry:
			return false
		case Failed, Cancelled, Done:
			return true
		}
	}
	return false
}

// FetchURL returns the URL that was approved, as written: the one on the newest approve line, or on a retry line after it;
// where there is none, the newest that was noted before that approve. Where nothing was approved it is the newest noted.
// What was noted after an approval is never returned.
func (j *Job) FetchURL() string {
	noted, approved := j.URL, ""
	for i := range j.Events {
		switch e := &j.Events[i]; {
		case e.Kind == Miss && e.URL != "":
			noted = e.URL
		case (e.Kind == Approve || e.Kind == Retry) && e.URL != "":
			approved = e.URL
		case e.Kind == Approve, e.Kind == Retry && approved == "":
			approved = noted
		}
	}
	if approved == "" {
		return noted
	}
	return approved
}

// ApprovalNamesURL reports whether the URL that FetchURL returns is one that a line of a person's approval or retry names.
func (j *Job) ApprovalNamesURL() bool {
	fetch := j.FetchURL()
	for i := range j.Events {
		if e := &j.Events[i]; (e.Kind == Approve || e.Kind == Retry) && e.URL == fetch {
			return true
		}
	}
	return false
}

// StartURL returns what FetchURL was at the newest start, which its validator is of.
func (j *Job) StartURL() string {
	then := *j
	for then.Events = j.Events; len(then.Events) > 0; then.Events = then.Events[:len(then.Events)-1] {
		if then.Events[len(then.Events)-1].Kind == Start {
			break
		}
	}
	return then.FetchURL()
}

// Newest returns the newest event of a kind, and whether there is one.
func (j *Job) Newest(k Kind) (Event, bool) {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if j.Events[i].Kind == k {
			return j.Events[i], true
		}
	}
	return Event{}, false
}

// Approval returns the newest approve event, or the zero Event.
func (j *Job) Approval() Event {
	e, _ := j.Newest(Approve)
	return e
}

// Reason returns for people why the job is where it is: the text of the newest error, wait, failed, cancelled or
// evicted that no done follows.
func (j *Job) Reason() string {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch e := &j.Events[i]; e.Kind {
		case Done:
			return ""
		case Cancelled, Evicted:
			return strings.TrimSuffix(string(appendVia([]byte(e.Kind), e)), " -")
		case Error, Wait, Failed:
			return e.Text
		}
	}
	return ""
}
