package fetch

import (
	"errors"
	"fmt"
	"time"
)

// failure is an attempt that did not bring the artifact, and what becomes of the job.
type failure struct {
	reason  string // for people: what happened, what to do
	end     ending
	after   time.Duration // least delay until the next attempt, from Retry-After
	discard bool          // the part can't be resumed
	why     Reason        // for Options.Ended; "": see because
}

func (f *failure) Error() string { return f.reason }

// ending is what becomes of the job of a failed attempt.
type ending uint8

const (
	endFail  ending = iota // to failed/
	endRetry               // to queue/, counted as an attempt
	endDefer               // to queue/, not counted
)

// failf returns a failure that a further attempt would not change.
func failf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endFail}
}

// discardf is failf for bytes that are not to be kept.
func discardf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endFail, discard: true}
}

// retryf returns a failure that may pass by itself.
func retryf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endRetry}
}

// Reason is why an attempt has failed, in one word: the log and the job say it in whole sentences.
type Reason string

// The reasons of failures.
const (
	ReasonStatus4xx   Reason = "status_4xx"
	ReasonStatus5xx   Reason = "status_5xx"
	ReasonName        Reason = "dns"
	ReasonTLS         Reason = "tls"
	ReasonConnection  Reason = "connection"
	ReasonTimeout     Reason = "timeout"
	ReasonInterrupted Reason = "interrupted" // the body broke off
	ReasonContent     Reason = "content"     // the bytes are not what was wanted
	ReasonDisk        Reason = "disk"        // no room, or the data directory is in trouble
	ReasonOther       Reason = "other"       // an address that is refused, a redirect that can't be followed, …
)

// Reasons are all that End.Reason may be.
var Reasons = []Reason{
	ReasonStatus4xx, ReasonStatus5xx, ReasonName, ReasonTLS, ReasonConnection, ReasonTimeout,
	ReasonInterrupted, ReasonContent, ReasonDisk, ReasonOther,
}

// because says why a failure happened, where nothing closer to it has.
func because(why Reason, err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.why == "" {
		f.why = why
	}
	return err
}
