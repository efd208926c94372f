package failure

import (
	"errors"
	"fmt"
	"time"
)

// Failure is an attempt that did not bring the artifact, and what becomes of the job.
type Failure struct {
	Text    string // for people: what happened, what to do
	End     Ending
	After   time.Duration // least delay until the next attempt, from Retry-After
	Delay   time.Duration // until the next attempt, instead of one that grows; 0: it grows
	Discard bool          // the part can't be resumed
	Reason  Reason        // in one word; "": see Because
}

func (f *Failure) Error() string { return f.Text }

// Ending is what becomes of the job of a failed attempt.
type Ending uint8

const (
	Fail  Ending = iota // to failed/
	Retry               // to queue/, counted as an attempt
	Defer               // to queue/, not counted
)

// Failf returns a failure that a further attempt would not change.
func Failf(format string, args ...any) error {
	return &Failure{Text: fmt.Sprintf(format, args...), End: Fail}
}

// Discardf is failf for bytes that are not to be kept.
func Discardf(format string, args ...any) error {
	return &Failure{Text: fmt.Sprintf(format, args...), End: Fail, Discard: true}
}

// Retryf returns a failure that may pass by itself.
func Retryf(format string, args ...any) error {
	return &Failure{Text: fmt.Sprintf(format, args...), End: Retry}
}

// Reason is why an attempt has failed, in one word: the log and the job say it in whole sentences.
type Reason string

// The reasons of failures.
const (
	Status4xx   Reason = "status_4xx"
	Status5xx   Reason = "status_5xx"
	DNS         Reason = "dns"
	TLS         Reason = "tls"
	Connection  Reason = "connection"
	Timeout     Reason = "timeout"
	Interrupted Reason = "interrupted" // the body broke off
	Content     Reason = "content"     // the bytes are not what was wanted
	Disk        Reason = "disk"        // no room, or the data directory is in trouble
	Upstream    Reason = "upstream"    // no upstream has it yet
	Other       Reason = "other"       // a refused address, a bad redirect, …
)

// Reasons are all that End.Reason may be.
var Reasons = []Reason{
	Status4xx, Status5xx, DNS, TLS, Connection, Timeout,
	Interrupted, Content, Disk, Upstream, Other,
}

// Because says why a failure happened, where nothing closer to it has.
func Because(why Reason, err error) error {
	if f, ok := errors.AsType[*Failure](err); ok && f.Reason == "" {
		f.Reason = why
	}
	return err
}
