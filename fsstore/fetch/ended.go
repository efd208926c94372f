package fetch

import (
	"cmp"
	"errors"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/failure"
)

// End is how an attempt at a job ended, for whoever counts them.
type End struct {
	Result  Result
	Reason  failure.Reason // why, of NotFetched
	Retried bool           // of NotFetched: the job is in queue/ again, and not in failed/
	Took    time.Duration  // from the claim
	Bytes   int64          // that came from the origin
}

// Result is what an attempt has brought.
type Result string

// The results of attempts.
const (
	Fetched    Result = "fetched"
	Unchanged  Result = "unchanged" // the origin says that what is held is still right
	NotFetched Result = "failed"
	Stopped    Result = "stopped" // by an operator, the end of the server, or a put of the same URL
)

// tell tells Options.Ended how the attempt ended: without an error, or with err, of which f says
// more.
func (a *attempt) tell(err error, f *failure.Failure) {
	e := End{Took: time.Since(a.began), Bytes: a.received}
	switch {
	case a.o.Ended == nil, errors.As(err, new(*client.HostFullError)): // it has asked nobody
		return
	case err == nil && a.isUnchanged:
		e.Result = Unchanged
	case err == nil:
		e.Result = Fetched
	case errors.Is(err, errCancelled), errors.Is(err, errStopped),
		errors.Is(err, fsstore.ErrLost), errors.Is(err, fsstore.ErrAdded):
		e.Result = Stopped
	default:
		e.Result, e.Reason = NotFetched, cmp.Or(f.Reason, failure.Other)
		e.Retried = f.End == failure.Defer || f.End == failure.Retry && a.mayRetry()
	}
	a.o.Ended(e)
}
