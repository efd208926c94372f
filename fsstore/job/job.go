package job

import (
	"slices"
	"strings"
	"time"
)

const (
	// MaxFile is the size in bytes at which a job file stops growing.
	MaxFile = 64 << 10
	// MissRoom is the size in bytes at which no more misses are recorded, so that the events of the
	// job itself find room.
	MissRoom = 48 << 10
)

// Kind is the word of a log line that says what happened.
type Kind string

// The kinds that this version knows. Other kinds are kept as they are, because a newer version may
// have written them.
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
	Restored  Kind = "restored"  // an evict was undone: Via, Addr
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
	Via       string    // web, cli, shell, add, put, import, batch, upstream
	URL       string    // of a miss, approve or retry, when it differs from line 1
	Size      int64     // bytes, of start, kept and done; -1 is unknown. 0 for other kinds
	ETag      string    // strong, with its quotes; "" when there is none
	Modified  time.Time // of start: the Last-Modified by which it may be resumed, or zero
	Host      string    // the cache-host that fetches
	PID       int       // and its process
	From      int64     // where a fetch resumed
	After     time.Time // not before this time; zero is at once
	Sha256    string    // of done, 64 hex digits
	Unchanged bool      // of done: the origin answered 304
	Text      string    // for people
}

// Clone returns a copy of e whose strings are its own, because those that Parse makes keep the text
// of the whole file in memory.
func (e Event) Clone() Event {
	e.Kind = Kind(strings.Clone(string(e.Kind)))
	for _, s := range []*string{
		&e.Addr, &e.Tool, &e.Via, &e.URL, &e.ETag, &e.Host, &e.Sha256, &e.Text,
	} {
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
	Flaws         []BadLine // the first line of each option that can't be read and no later line mends
	Events        []Event
	Size          int  // bytes of the whole file
	Full          bool // the file has reached MissRoom: counts are lower bounds
}

// Add appends e, and changes After as Parse does at such a line.
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

// Due returns when the job may be fetched; zero is now. It is the newest "after" of an option,
// error or wait line, which counts until a later failed, cancelled, done or retry.
func (j *Job) Due() time.Time { return j.After }

// DueWritten returns the time of the line that Due comes from, or zero where an option says it.
// Where it lies in the future the clock of the worker that wrote it was wrong.
func (j *Job) DueWritten() time.Time {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if e := &j.Events[i]; !e.After.IsZero() && e.After.Equal(j.After) {
			return e.Time
		}
	}
	return time.Time{}
}

// Attempts returns the number of errors since the last failed or retry, or since the last start
// that resumed beyond every earlier one, because bytes were kept since.
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

// Kept returns how many bytes of the job's part survive a power cut: those of the newest kept line,
// and no more than any later start has resumed from.
func (j *Job) Kept() (n int64) {
	for i := range j.Events {
		switch e := &j.Events[i]; e.Kind {
		case Kept:
			n = e.Size
		case Start:
			n = min(n, e.From) //guard:fsstore/active.TestAPartAfterAPowerCut
		}
	}
	return n
}

// Waits returns the number of waits after the last event of another kind, claim and kept lines
// apart.
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

// Approved reports whether the job was approved or retried, and has not ended since. Where it was
// not, an operator moved its file: the claim writes the line that is missing, retry if the job has
// Ended, else approve.
func (j *Job) Approved() bool {
	k := j.newestOf(Approve, Retry, Failed, Cancelled, Done).Kind
	return k == Approve || k == Retry
}

// Ended reports whether the job failed, was cancelled or is done, and was neither approved nor
// retried since.
func (j *Job) Ended() bool {
	k := j.newestOf(Approve, Retry, Failed, Cancelled, Done).Kind
	return k == Failed || k == Cancelled || k == Done
}

// newestOf returns the newest event of these kinds, or the zero Event.
func (j *Job) newestOf(kinds ...Kind) Event {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if slices.Contains(kinds, j.Events[i].Kind) {
			return j.Events[i]
		}
	}
	return Event{}
}

// FetchURL returns the URL that was approved, as written. It is the URL on the newest approve line,
// or on a retry line after that. Where the line names none it is the newest URL that was recorded
// before the approval. Where nothing was approved it is the newest that was recorded. A URL that
// was recorded after an approval is never returned, because any client can have its URL recorded.
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

// ApprovalNamesURL reports whether an approve or retry line names the URL that FetchURL returns.
func (j *Job) ApprovalNamesURL() bool {
	fetch := j.FetchURL()
	for i := range j.Events {
		if e := &j.Events[i]; (e.Kind == Approve || e.Kind == Retry) && e.URL == fetch {
			return true
		}
	}
	return false
}

// StartURL returns what FetchURL returned at the newest start, whose ETag and Modified are of that
// URL.
func (j *Job) StartURL() string {
	then := *j
	for then.Events = j.Events; len(then.Events) > 0; then.Events = then.Events[:len(then.Events)-1] {
		if then.Events[len(then.Events)-1].Kind == Start {
			break
		}
	}
	return then.FetchURL()
}

// Newest returns the newest event of kind k, and whether there is one.
func (j *Job) Newest(k Kind) (Event, bool) {
	e := j.newestOf(k)
	return e, e.Kind != ""
}

// Approval returns the newest approve event, or the zero Event.
func (j *Job) Approval() Event { return j.newestOf(Approve) }

// ApprovalOrRetry returns the newest approve or retry event, or the zero Event.
func (j *Job) ApprovalOrRetry() Event { return j.newestOf(Approve, Retry) }

// Reason returns why the job is where it is, for people: the text of the newest error, wait,
// failed, cancelled or evicted event, or "" where a done or restored follows it.
func (j *Job) Reason() string {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch e := &j.Events[i]; e.Kind {
		case Done, Restored:
			return ""
		case Cancelled, Evicted:
			return strings.TrimSuffix(string(appendVia([]byte(e.Kind), e)), " -")
		case Error, Wait, Failed:
			return e.Text
		}
	}
	return ""
}
