package answer

import (
	"net/http"
	"time"

	"fromcache/fsstore"
)

// Outcome is what became of one request, for its line in the log and for the numbers of the server.
type Outcome struct {
	Result Result
	Status int
	Key    string        // of the artifact that was sent, of one where a digest was asked for; "" where there is none
	URL    string        // that was asked for where there is no Key, whole: a key can be made of it
	Bytes  int64         // of the body
	Waited time.Duration // that the request was held for what is approved, because its client prefers to wait
}

// Result is what became of a request in one word.
type Result uint8

// The results. A GET with the result Hit is what `fromcache stats` counts as a hit, and a GET or HEAD
// with one of the results from Miss to Ill is what it counts as a miss.
const (
	Hit         Result = iota // an artifact from its first byte, or its header
	Part                      // a range that begins later
	Digest                    // bytes that were asked for by their digest
	NotModified               // the client has the same bytes
	Miss                      // not held, and recorded
	Queued                    // not held, approved
	Active                    // not held, being fetched
	Denied                    // not held, denied by the operator
	NotRecorded               // not held, and no room to record it, or a replica
	Ill                       // the data directory can't be read or written
	Absent                    // no such digest, version or address
	Busy                      // a probe that is to come again
	Page                      // the operator's pages, the API and other answers
	Refused                   // the request is not understood or not allowed: status 4xx
	Failed                    // the server's fault: status 5xx
	Results                   // the number of results
)

var resultNames = [Results]string{
	"hit", "part", "digest", "not_modified", "miss", "queued", "active", "denied", "not_recorded",
	"ill", "absent", "busy", "page", "refused", "failed",
}

// String returns the word that the log and the metrics have.
func (r Result) String() string { return resultNames[r] }

// IsMiss reports whether `fromcache stats` counts a request with this result as a miss.
func (r Result) IsMiss() bool { return r >= Miss && r <= Ill }

// ResultOf returns the result of a request that was answered with a status alone.
func ResultOf(status int) Result {
	switch {
	case status >= http.StatusInternalServerError:
		return Failed
	case status == http.StatusNotFound:
		return Absent
	case status >= http.StatusBadRequest:
		return Refused
	case status == http.StatusNotModified:
		return NotModified
	}
	return Page
}

var verdictResults = map[fsstore.Verdict]Result{
	fsstore.VerdictNoted: Miss, fsstore.VerdictQueued: Queued, fsstore.VerdictActive: Active,
	fsstore.VerdictDenied: Denied, fsstore.VerdictFull: NotRecorded, fsstore.VerdictIll: Ill,
	fsstore.VerdictCopy: NotRecorded,
}

// ResultOfVerdict returns the result of a request for what is not held.
func ResultOfVerdict(v fsstore.Verdict) Result {
	if r, ok := verdictResults[v]; ok {
		return r
	}
	return Miss
}
