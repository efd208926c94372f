package fetch

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/address"
)

// End is how an attempt at a job ended, for whoever counts them.
type End struct {
	Result  Result
	Reason  Reason        // why, of NotFetched
	Retried bool          // of NotFetched: the job is in queue/ again, and not in failed/
	Took    time.Duration // from the claim
	Bytes   int64         // that came from the origin
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

// reasonOfRequest returns why a request had no answer.
func reasonOfRequest(err error, h hop) Reason {
	var timeout net.Error
	switch {
	case errors.As(err, new(*address.RefusedError)):
		return ReasonOther
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(x509.UnknownAuthorityError)),
		errors.As(err, new(tls.RecordHeaderError)), handshakeFailure(err, h.host) != nil:
		return ReasonTLS
	case errors.As(err, new(*net.DNSError)):
		return ReasonName
	case errors.Is(err, errIdle), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	}
	return ReasonConnection
}

// tell tells Options.Ended how the attempt ended: without an error, or with one of which f says more.
func (a *attempt) tell(err error, f *failure) {
	e := End{Took: time.Since(a.began), Bytes: a.received}
	switch {
	case a.o.Ended == nil, errors.As(err, new(*hostFull)): // it has asked nobody
		return
	case err == nil && a.isUnchanged:
		e.Result = Unchanged
	case err == nil:
		e.Result = Fetched
	case errors.Is(err, errCancelled), errors.Is(err, errStopped),
		errors.Is(err, fsstore.ErrLost), errors.Is(err, fsstore.ErrAdded):
		e.Result = Stopped
	default:
		e.Result, e.Reason = NotFetched, cmp.Or(f.why, ReasonOther)
		e.Retried = f.end == endDefer || f.end == endRetry && a.mayRetry()
	}
	a.o.Ended(e)
}
