package plan

import "strconv"

// Question is one URL that a cache may hold, and what its answer must say for the URL to be
// re-pointed.
type Question struct {
	URL         URL
	Caches      []Cache  // that may be asked, in the order of the environment; never empty
	Family      int      // 4 or 6 for that address family alone, 0 for either
	TLS         []string // options of the tool that say which TLS, for a probe to say the same
	MayRedirect bool     // the tool would follow the origin's redirect too
	NeedsRanges bool
	Resumes     string // the output file, which must be the beginning of what is held; empty for none
	// Limit is in how many seconds the call wants its transfer to be over, and waits for it with
	// that; 0 where it does not say, and less where it wants nothing to be waited for.
	Limit float64
}

// Answer says what became of a Question: a Hit on Caches[Cache], a Miss, or a Pass, where a cache
// could not be asked or holds it in a form that the call has no use for. Reason says why it is no
// hit.
type Answer struct {
	Outcome Outcome
	Cache   int // index in the Caches of the Question
	Reason  string
	Pin     string // of a Hit: the digest of a version with an address of its own; empty without

	Unknown    bool    // no cache said whether it is held
	Pending    bool    // a cache-host is about to fetch it, or too busy to say whether it is held
	RetryAfter int     // then: in how many seconds to ask again, -1 where it does not say
	Vain       string  // why it was waited for in vain; empty if it was not
	Waited     float64 // for how many seconds it was waited for
}

// Reply is what one cache said to a Question.
type Reply struct {
	Status     int    // of HTTP; 0 for no answer
	RetryAfter int    // the Retry-After field in seconds, -1 without one
	Detail     string // of a cache-host: why it is not held
	Reason     string // why there is no answer, or none that counts
	Ranges     bool   // Accept-Ranges: bytes
	Redirected bool   // X-Fromcache-Redirected: the origin redirects
	Pins       bool   // Cache-Status names fromcache: versions have addresses of their own
	Pin        string // the digest of what is held, where that version's address answers the same
	Differs    string // why the output file may not be the beginning of what is held; empty if it is
}

// Judge says what a reply means for q. It leaves Cache to the caller.
func (q Question) Judge(r Reply) Answer {
	switch {
	case r.Status == 503 && r.Detail == "busy":
		return Answer{Reason: r.Reason, Unknown: true, Pending: true, RetryAfter: r.RetryAfter}
	case r.Status == 0 || r.Reason != "":
		return Answer{Reason: r.Reason, Unknown: true}
	case r.Status == 404 && r.Detail == "queued":
		return pending("not held yet; approved", r)
	case r.Status == 404 && r.Detail == "active":
		return pending("not held yet; being fetched", r)
	case r.Status == 404 || r.Status == 400: // 400 is for a URL that no cache-host holds
		return Answer{Outcome: Miss, Reason: "not held"}
	case r.Status != 200:
		return Answer{Unknown: true, Reason: "what answers for the cache says " +
			strconv.Itoa(r.Status) + ", not whether it is held"}
	case q.NeedsRanges && !r.Ranges:
		return Answer{Reason: "the origin has no ranges"}
	case r.Redirected && !q.MayRedirect:
		return Answer{Reason: "the origin redirects and the call does not follow"}
	case r.Differs != "":
		return Answer{Reason: r.Differs}
	case r.Pins && r.Pin == "":
		return Answer{Outcome: Hit, Reason: unpinned}
	}
	return Answer{Outcome: Hit, Pin: r.Pin}
}

func pending(reason string, r Reply) Answer {
	return Answer{Outcome: Miss, Reason: reason, Pending: true, RetryAfter: r.RetryAfter}
}

// unpinned warns of such a hit because a retry may get another version.
const unpinned = "of no certain version: the cache, or what stands in front of it, " +
	"does not answer to the address of one"

// Outcome is what a Decision says of one URL.
type Outcome int

// The outcomes.
const (
	Pass Outcome = iota // left alone: not asked about, or without an answer that could be used
	Hit
	Miss
)
