package fsstore

import (
	"errors"
	"log/slog"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// State is the directory a job file is in: the directory is its state.
type State string

// The spool. Names of directories, in the direction in which jobs flow.
const (
	Misses    State = "misses"    // asked for, not approved
	Queue     State = "queue"     // approved, waiting
	Active    State = "active"    // being fetched by a claim
	Done      State = "done"      // fetched
	Failed    State = "failed"    // given up
	Cancelled State = "cancelled" // stopped by an operator
	Denied    State = "denied"    // never to be noted or fetched
)

// Options of a store. The zero value of each field is its default.
type Options struct {
	Rule      key.Rule      // what becomes of a URL's query
	MaxMisses int           // most files in misses/; 0: 10,000
	History   time.Duration // how long done/ and cancelled/ keep a job; 0: 90 days
	MinFree   int64         // bytes that no download may take from the file system; 0: no reserve
	Logger    *slog.Logger  // nil: discard
}

// Errors that callers tell apart. Absence is always fs.ErrNotExist, a URL
// without a key always key.ErrBadURL.
var (
	// ErrNoSpace: the download would leave less than MinFree bytes.
	ErrNoSpace = errors.New("not enough free space")
	// ErrLost: the claim is no longer ours, because an operator moved or
	// removed its file in active/. Call Cancelled.
	ErrLost = errors.New("the job left active/ while it was being fetched")
	// ErrInvalid: what the caller gave is no digest, name or host.
	ErrInvalid = errors.New("invalid")
	// ErrBusy: the key is being fetched.
	ErrBusy = errors.New("busy")
	// ErrDenied: denied/ speaks for this URL.
	ErrDenied = errors.New("denied")
	// ErrCorrupt: the blob is not what its meta says.
	ErrCorrupt = errors.New("blob does not match its meta")
)

// Meta is the content of meta/<key>.json. Its URLs and fields are redacted:
// it holds no credential.
type Meta struct {
	URL       string            `json:"url"`                    // normalised, redacted
	URLSum    string            `json:"url_sha256"`             // of the normalised URL, 64 hex digits; what a lookup compares
	AskedSum  string            `json:"asked_sha256,omitempty"` // of the URL that brought the bytes, whole but for a signature; "": an earlier server wrote this
	Asked     string            `json:"asked_url,omitempty"`    // that URL, redacted, where neither URL nor what follows is
	Size      int64             `json:"size"`                   // bytes
	SHA256    string            `json:"sha256"`                 // digest, 64 hex digits
	Fetched   time.Time         `json:"fetched_at"`             // UTC, seconds
	FinalURL  string            `json:"final_url,omitempty"`    // that brought the bytes, redacted, where it is not URL: after redirects, or with a query that is not in the key
	Redirects []string          `json:"redirects,omitempty"`    // every URL on the way to it, the first as asked
	Header    map[string]string `json:"headers,omitempty"`      // the origin's response fields that matter: canonical names
	Ranges    bool              `json:"ranges,omitempty"`       // the origin served ranges; not known of what was fetched before this field was written
	Notes     []string          `json:"notes,omitempty"`        // what was odd about the fetch, and did not decide
	Approved  *Approval         `json:"approved,omitempty"`
	Misses    int               `json:"misses"` // times asked for before it was held
	AtLeast   bool              `json:"misses_at_least,omitempty"`
	Claim     string            `json:"claim"`             // the worker that published it
	History   []Version         `json:"history,omitempty"` // earlier versions, newest first, at most ten
}

// AskedURL is the URL that the origin was asked for, redacted. What it says of
// its version it says of that, and not of another URL of the same key.
func (m *Meta) AskedURL() string {
	switch {
	case m.Asked != "":
		return m.Asked
	case len(m.Redirects) > 0:
		return m.Redirects[0]
	case m.FinalURL != "":
		return m.FinalURL
	}
	return m.URL
}

// AskedFor reports whether the origin was asked for rawURL, with whatever
// signature. Of what an earlier server wrote that is known where nothing of the
// URL is redacted.
func (m *Meta) AskedFor(rawURL string) bool {
	u, err := key.Parse(rawURL, key.Auto)
	if err != nil {
		return false
	}
	if m.AskedSum != "" {
		return m.AskedSum == u.Sum()
	}
	asked := m.AskedURL()
	return !key.IsRedacted(asked) && key.SameButSignature(asked, rawURL)
}

// Approval says who let an artifact in, and how.
type Approval struct {
	Via  string    `json:"via"` // web, cli, shell, add, put, batch
	Addr string    `json:"by,omitempty"`
	Time time.Time `json:"at"`
}

// Version is one earlier state of an artifact.
type Version struct {
	SHA256  string            `json:"sha256"`
	Size    int64             `json:"size"`
	Fetched time.Time         `json:"fetched_at"`
	Header  map[string]string `json:"headers,omitempty"` // those that are served
	Ranges  bool              `json:"ranges,omitempty"`
}

// Artifact is what is held for one URL. It is immutable; while its meta file
// does not change, Lookup returns the same pointer.
type Artifact struct {
	Key string `json:"key"`
	Meta
	earlier bool
}

// Asker is the client behind a request.
type Asker struct {
	Addr      string // its address without port
	UserAgent string // as sent; only the first product token is kept
}

// Verdict says why a URL is not held, in the words of Cache-Status details.
type Verdict string

// Verdicts of Miss.
const (
	Noted    Verdict = "uri-miss" // in misses/, or noted there now
	IsQueue  Verdict = "queued"
	IsActive Verdict = "active"
	IsDenied Verdict = "denied"
	IsFull   Verdict = "uri-miss-not-noted" // misses/ is at its cap, or this client's share is
	IsIll    Verdict = "uri-miss-ill"       // the data directory can't be read or written, as Health says; it may well be held
)

// By is the operator behind a verb, as the job's log shows it.
type By struct {
	Via  string // web, cli
	Addr string // address or user name
}

// Addition is a URL to fetch without anyone having asked for it (a pre-seed).
type Addition struct {
	URL           string
	SHA256        string // expected digest, optional
	AcceptHTML    bool
	AcceptAny     bool
	AcceptHTTP    bool
	AcceptPrivate bool
}

// JobFile is one file of the spool as a listing shows it.
type JobFile struct {
	State  State
	Name   string // of the file in its directory; the id that verbs take
	Key    string // "" where the file has no usable URL yet
	Worker string // of a file in active/
	Job    job.Job
	Batch  int    // number of URLs where the file is a batch, else 0
	PutOff bool   // it waits in queue/ because a person wrote so
	Note   string // why the file is ignored or cannot be read, in words that say what to do
	Part   int64  // bytes fetched so far (active/), or kept for a resume
	Total  int64  // bytes promised by the origin, -1 unknown
	Due    time.Time

	Asked *job.MissSummary // of a View, where the job has not ended: its misses, which Job.Events then lacks

	Host, Redacted string // of a View, of a miss: the host of its URL, "" where it has none, and the URL as it may be shown
}

// Started is what the origin promised in the header of the answer whose first
// bytes have arrived.
type Started struct {
	Size int64  // of the whole artifact; -1 unknown
	ETag string // strong, else "": only a strong one lets a later claim resume
	From int64  // offset at which the answer goes on

	Modified time.Time // that a later claim may resume by as well, where there is no ETag; else zero
}

// Origin is the provenance of a fetched artifact. The store redacts it.
type Origin struct {
	FinalURL  string
	Redirects []string
	Header    map[string]string
	Ranges    bool     // it answered 206, or said Accept-Ranges: bytes
	Notes     []string // what a person may want to know of it, in words
}

// Report answers "why": what is known of one URL.
type Report struct {
	URL      string    `json:"url"` // normalised, redacted
	Key      string    `json:"key"`
	Rule     string    `json:"rule"`               // what became of the query, in words
	Artifact *Artifact `json:"artifact,omitempty"` // that is held
	Hints    []string  `json:"hints,omitempty"`    // what to know before it is approved
	Broken   string    `json:"broken,omitempty"`   // why it is not held although it has a meta, or had one that is lost, and what to do
	Hits     int64     `json:"hits"`
	Jobs     []JobFile `json:"jobs,omitempty"`
	Denied   string    `json:"denied,omitempty"` // the name in denied/ that speaks for it
}

// GCOptions of a collection.
type GCOptions struct {
	DryRun bool
	Older  time.Duration // unlink what has been gone for longer; 0: 24 h
	Force  bool          // however much it is

	keep    bool // unlink no blob
	tmpOnly bool // take no blob out of service
}

// GCReport is what a collection did, or with DryRun would do.
type GCReport struct {
	Gone     []string // blobs taken out of service: moved to tmp/<digest>.gone
	Held     []string // what would have been, but for the brake
	Restored []string
	Unlinked []string
	Bytes    int64 // freed by Unlinked
}

// FsckOptions of a check.
type FsckOptions struct {
	Quick    bool // read no blob
	Repair   bool
	Progress func(done, total int64) // bytes
}

// Problem is one finding: what is wrong, and what to do about it.
type Problem struct {
	Path, Text, Do string
	Repaired       bool
	Time           time.Time // when a scrub found it
}

// FsckReport lists every problem of a tree.
type FsckReport struct {
	Artifacts, Blobs, Jobs int
	Bytes                  int64
	Problems               []Problem
	Rotten                 []string // names in tmp/ of blobs that are not what their names said, which only a person removes
}
