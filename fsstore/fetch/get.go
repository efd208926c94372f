package fetch

import (
	"context"
	"net/http"

	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/response"
	"fromcache/fsstore/fetch/upstream"
	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"
)

// delivery is an answer whose body is the artifact, or the missing rest of it.
type delivery struct {
	*client.Answer
	from  int64    // size of the part that is resumed
	skip  int64    // bytes at the beginning of the body that the part has already
	total int64    // size of the artifact in bytes; -1: unknown
	name  string   // of the file, from the URL
	notes []string // for meta

	originDigest string // see held.Meta; known once the bytes were checked

	upstream *upstream.Server // that answered; nil: the origin
	asked    string           // URL of the job

	response.Validator // for a later resume
}

// get requests the rest of the part, or else the whole.
func (a *attempt) get(ctx context.Context, start job.Event) (*delivery, error) {
	if a.part.Size() > 0 {
		d, err := a.resume(ctx, start)
		if d != nil || err != nil {
			return d, err
		}
	}
	fields := response.ConditionalFields(a.c.Previous(), a.c.URL, a.c.Job.Sha256)
	ans, err := a.askOrigin(ctx, fields)
	if err == nil && response.IsUnchanged(ans.Response, fields) && !a.c.VerifyHeld(ctx) {
		ans.Close()
		fields = http.Header{}
		ans, err = a.askOrigin(ctx, fields)
	}
	if err != nil {
		return nil, err
	}
	if response.IsWhole(ans.Response) || response.IsUnchanged(ans.Response, fields) ||
		a.digestDecides(ans) {
		return a.fromStart(ans), nil
	}
	ans.Close()
	return nil, ans.StatusFailure()
}

// askOrigin requests the job's URL with further fields. A job with a sha256 may be redirected to
// http, because the digest reveals a change on the way.
func (a *attempt) askOrigin(ctx context.Context, fields http.Header) (*client.Answer, error) {
	j := &a.c.Job
	return a.client.Ask(ctx, client.Request{
		URL:           a.c.URL,
		Fields:        fields,
		UserAgent:     j.UserAgent(),
		AcceptPrivate: j.AcceptPrivate,
		AcceptHTTP:    j.AcceptHTTP || j.Sha256 != "",
	})
}

// digestDecides reports whether an answer that the origin calls a range is taken as the whole,
// because the job's digest will tell.
func (a *attempt) digestDecides(ans *client.Answer) bool {
	return a.c.Job.Sha256 != "" &&
		(ans.StatusCode == http.StatusPartialContent || ans.StatusCode == http.StatusOK)
}

// resume requests the rest of the part. It returns neither a delivery nor an error where the
// answer can't be appended.
func (a *attempt) resume(ctx context.Context, start job.Event) (*delivery, error) {
	n := a.part.Size()
	fields, from := response.ResumeFields(start, n)
	ans, err := a.askOrigin(ctx, fields)
	if err != nil {
		return nil, err
	}
	if response.Continues(ans.Response, start, from) {
		return &delivery{Answer: ans, from: n, skip: n - from, total: start.Size,
			Validator: response.StartValidator(start), name: kind.Name(a.c.URL)}, nil
	}
	if response.IsWhole(ans.Response) {
		if err := a.part.Restart(); err != nil {
			ans.Close()
			return nil, err
		}
		return a.fromStart(ans), nil
	}
	switch ans.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		ans.Close()
		a.canResume = false
		return nil, a.part.Restart()
	}
	ans.Close()
	return nil, ans.StatusFailure()
}

// fromStart returns the delivery of a whole answer.
func (a *attempt) fromStart(ans *client.Answer) *delivery {
	d := &delivery{Answer: ans, total: ans.ContentLength, Validator: response.ValidatorOf(ans.Header),
		name: kind.Name(a.c.URL), asked: a.c.URL, notes: a.passed}
	a.canResume = !d.IsNone() && d.total > 0
	return d
}
