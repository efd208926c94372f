package fetch

import (
	"context"
	"errors"

	"fromcache/fsstore/fetch/failure"
)

// Candidate is a complete download that waits to be published. Its files may be read only.
type Candidate struct {
	Key    string
	URL    string // that was approved, whole
	Job    string // path of the job's file
	Path   string // of the bytes
	Size   int64  // bytes
	SHA256 string // 64 hex digits
}

// RejectedError is what Options.Check says of bytes that must not be published.
type RejectedError struct{ Why string }

func (e *RejectedError) Error() string { return e.Why }

// askCheck asks Options.Check about the complete part.
func (a *attempt) askCheck(ctx context.Context) error {
	if a.o.Check == nil {
		return nil
	}
	err := a.o.Check(ctx, Candidate{
		Key: a.c.Key, URL: a.c.URL, Job: a.c.Path(),
		Path: a.part.Path(), Size: a.part.Size(), SHA256: a.part.SHA256(),
	})
	rejected, ok := errors.AsType[*RejectedError](err)
	switch {
	case ok:
		return failure.Discardf("refused by the check of this site: %s", rejected.Why)
	case err != nil:
		return failure.Retryf("the check of this site could not judge it: %v", err)
	}
	return nil
}
