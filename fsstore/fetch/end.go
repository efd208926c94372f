package fetch

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/key"
)

// End ends the claim as err says. It returns an error when the job's file could not be moved.
func (a *attempt) end(err error) error {
	if err == nil {
		a.tell(nil, nil)
		return nil
	}
	f := a.failureOf(err)
	a.tell(err, f)
	if a.part != nil && (f.Discard || !a.canResume || a.part.Size() == 0) {
		a.discard()
	}
	reason := key.RedactText(f.Text)
	full, isFull := errors.AsType[*client.HostFullError](err)
	switch {
	case isFull:
		a.client.Await(a.c.Key, full.Host)
		err = a.c.Requeue(reason)
	case errors.Is(err, errCancelled), errors.Is(err, fsstore.ErrLost):
		a.log.Info("cancelled", "key", a.c.Key)
		return a.c.Cancel()
	case errors.Is(err, errStopped), errors.Is(err, fsstore.ErrAdded):
		err = a.c.Requeue(reason)
	case f.End == failure.Retry && a.mayRetry():
		err = a.retry(reason, f)
	case f.End == failure.Defer && f.Delay > 0:
		a.log.Info("download waits", "key", a.c.Key, "reason", reason, "in", f.Delay.String())
		err = a.c.Defer(reason, time.Now().Add(f.Delay))
	case f.End == failure.Defer:
		a.warn("download deferred", reason)
		err = a.c.Defer(reason, time.Now().Add(min(a.o.delay(a.c.Job.Waits()+1, f.After), maxDefer)))
	default:
		if f.End == failure.Retry {
			reason = fmt.Sprintf("%s; given up after %d attempts", reason, a.o.Retries)
		}
		a.warn("download failed", reason)
		err = a.c.Fail(reason)
	}
	if errors.Is(err, fsstore.ErrLost) {
		a.log.Info("cancelled", "key", a.c.Key)
		return a.c.Cancel()
	}
	return err
}

// Discard unlinks the part.
func (a *attempt) discard() {
	if err := a.part.Discard(); err != nil {
		a.pause("a part can't be removed: "+a.c.Key, err)
	}
}

// mayRetry reports whether a failed attempt is not the last one that the job has.
func (a *attempt) mayRetry() bool { return a.c.Job.Attempts()+1 < a.o.Retries }

// maxDefer bounds the delay of a deferred job: it is to go on soon after there is room.
const maxDefer = 2 * time.Minute

// retry puts the job back into queue/ with a delay, never less than asked.
func (a *attempt) retry(reason string, f *failure.Failure) error {
	n := a.c.Job.Attempts() + 1
	d := cmp.Or(f.Delay, a.o.delay(n, f.After))
	a.warn("download will be retried", reason, "attempt", n, "in", d.Round(time.Second).String())
	return a.c.Retry(reason, time.Now().Add(d))
}

func (a *attempt) warn(what, reason string, more ...any) {
	about := []any{"key", a.c.Key, "url", key.Redact(a.c.URL), "reason", reason}
	a.log.Warn(what, append(about, more...)...)
}

// failureOf makes a failure of every error. An error that is no *failure comes from the store: the
// disk is in trouble, so nothing is claimed until the next tick. A full disk defers the job. Other
// trouble counts as an attempt, because a bad sector would have the same bytes fetched for ever.
func (a *attempt) failureOf(err error) *failure.Failure {
	var f *failure.Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errStopped):
		return &failure.Failure{Text: "the server stopped"}
	case errors.Is(err, errCancelled), errors.Is(err, fsstore.ErrLost):
		return &failure.Failure{}
	case errors.As(err, new(*client.HostFullError)), errors.Is(err, fsstore.ErrAdded):
		return &failure.Failure{Text: err.Error()}
	}
	if over, ok := errors.AsType[*fsstore.OvertakenError](err); ok {
		return &failure.Failure{Text: over.Why}
	}
	a.pause("the disk is in trouble", err)
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, fsstore.ErrNoSpace)
	if full && a.canResume {
		f = &failure.Failure{Text: "the disk is full (" + err.Error() + "); it goes on by itself " +
			"once there is room", End: failure.Defer, Reason: failure.Disk}
		return f //guard:cmd/fromcache-torture.TestFullDisk
	}
	return &failure.Failure{Text: "the data directory could not be written (" + err.Error() +
		"): look at the disk", End: failure.Retry, Reason: failure.Disk}
}

// progress returns "5 of 9 bytes".
func progress(n, total int64) string {
	if total < 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d of %d bytes", n, total)
}

// Causes that end a request.
var (
	errCancelled = errors.New("the job left active/")
	errStopped   = errors.New("the server stops")
	errIdle      = errors.New("no byte came for too long")
)

// delay returns the time to wait after n attempts: doubled each time up to MaxBackoff, and never
// less than asked. It varies by a quarter so that the jobs of a broken origin don't return all at
// once.
func (o Options) delay(n int, asked time.Duration) time.Duration {
	d := o.Backoff
	for i := 1; i < n && d < o.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, o.MaxBackoff)
	d += time.Duration((rand.Float64() - 0.5) / 2 * float64(d))
	return max(d, asked)
}
