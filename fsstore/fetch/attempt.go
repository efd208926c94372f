package fetch

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/response"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

// attempt is one try at one claimed job.
type attempt struct {
	*Pool
	c         *fsstore.Claim
	part      *fsstore.Part
	began     time.Time
	started   bool  // the start line is written
	canResume bool  // the part's bytes can be resumed by the next attempt
	reserved  int64 // bytes on the disk, for a body of unknown length
	received  int64 // bytes of the body

	isUnchanged bool // the origin says that what is held is still right
}

// delivery is an answer whose body is the artifact, or the missing rest of it.
type delivery struct {
	*client.Answer
	from  int64    // size of the part that is resumed
	skip  int64    // bytes at the beginning of the body that the part has already
	total int64    // size of the artifact in bytes; -1: unknown
	name  string   // of the file, from the URL
	notes []string // for meta

	response.Validator // for a later resume
}

// try fetches and publishes.
func (a *attempt) try(ctx context.Context) error {
	d, err := a.runWatched(ctx)
	if d != nil {
		defer d.Close()
	}
	switch {
	case err != nil:
		return err
	case d.StatusCode == http.StatusNotModified:
		return a.unchanged()
	}
	return a.publish(d)
}

// runWatched runs the download and cuts it short when ctx ends or when the job leaves active/. The
// watch ends before publishing, which checks itself that the job is still ours.
func (a *attempt) runWatched(ctx context.Context) (*delivery, error) {
	mine, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var watcher sync.WaitGroup
	watcher.Go(func() { a.watch(ctx, mine, cancel) })
	d, err := a.run(mine)
	if cause := context.Cause(mine); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	watcher.Wait()
	return d, err
}

// watch cancels mine when ctx ends or the job is gone, and shows other hosts that the job's worker
// lives, because a worker that hashes a large part changes no file.
func (a *attempt) watch(ctx, mine context.Context, cancel func(error)) {
	tick := time.NewTicker(a.poll)
	defer tick.Stop()
	heartbeat := time.NewTicker(a.heartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			cancel(errStopped)
			return
		case <-mine.Done():
			return
		case <-tick.C:
			if !a.c.Owns() &&
				!a.store.Ill() { // the directory may be mounted again //guard:TestRunWhileTheDirectoryIsAway
				cancel(errCancelled)
				return
			}
		case <-heartbeat.C:
			a.c.Heartbeat() //guard:TestRunShowsLife
		}
	}
}

// run requests, receives and checks.
func (a *attempt) run(ctx context.Context) (*delivery, error) {
	start, resume := response.Resumable(&a.c.Job)
	part, err := a.c.Part(ctx, resume)
	if err != nil {
		return nil, err
	}
	a.part, a.canResume = part, resume
	if part.Size() > start.Size { //guard:TestResumeLeft
		if err := part.Restart(); err != nil {
			return nil, err
		}
	}
	d, err := a.get(ctx, start)
	if err != nil || d.StatusCode == http.StatusNotModified {
		return d, err
	}
	if err := a.checkHeader(d); err != nil {
		return d, failure.Because(failure.Content, err)
	}
	have, err := a.receive(d)
	if err != nil {
		return d, failure.Because(failure.Interrupted, err)
	}
	if err := a.checkBytes(ctx, d, have); err != nil {
		return d, failure.Because(failure.Content, err)
	}
	return d, a.askCheck(ctx)
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
	if response.IsWhole(ans.Response) || response.IsUnchanged(ans.Response, fields) || a.digestDecides(ans) {
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
		name: kind.Name(a.c.URL)}
	a.canResume = !d.IsNone() && d.total > 0
	return d
}

// checkHeader checks the header and reserves space, before the body is read.
func (a *attempt) checkHeader(d *delivery) error {
	j := &a.c.Job
	if !j.AcceptAny && j.Sha256 == "" {
		if err := response.CheckCoding(d.name, d.Header); err != nil {
			return err
		}
	}
	if a.o.MaxSize > 0 && d.total > a.o.MaxSize {
		return tooLarge(d.total, a.o.MaxSize)
	}
	if !response.EndIsCertain(d.Response) && j.Sha256 == "" && len(response.Announced(d.Header, false)) == 0 { //guard:TestBehaviours
		return failure.Failf("%s says neither how long the file is nor what its digest is, so it can't "+
			"be known to be whole: add the line `sha256 <hex>` to the job and retry",
			d.Host())
	}
	if d.total < 0 {
		return nil
	}
	return deferNoSpace(a.c.Reserve(d.total)) //guard:TestNoSpace
}

func tooLarge(n, limit int64) error {
	return failure.Discardf("it is larger than --max-artifact-size: %d bytes or more, %d are allowed",
		n, limit)
}

// deferNoSpace makes of fsstore.ErrNoSpace a failure that defers the job.
func deferNoSpace(err error) error {
	if errors.Is(err, fsstore.ErrNoSpace) {
		return &failure.Failure{Text: err.Error() + "; it goes on by itself once there is room: evict " +
			"artifacts, or lower --min-free", End: failure.Defer, Reason: failure.Disk}
	}
	return err
}

// checkBytes checks the complete part. The job's digest overrules what the origin announces and
// what the name says.
func (a *attempt) checkBytes(ctx context.Context, d *delivery, have response.Sums) error {
	j, got := &a.c.Job, a.part.SHA256()
	if j.Sha256 != "" && j.Sha256 != got {
		return retryIfResumed(d, a.digestMismatch(d, got))
	}
	list := response.Announced(d.Header, d.StatusCode == http.StatusPartialContent)
	list = append(list, response.Announced(d.Trailer, d.StatusCode == http.StatusPartialContent)...)
	wrong, err := response.Verify(ctx, list, have, a.part)
	switch {
	case err != nil:
		return err
	case wrong != "" && j.Sha256 == "":
		return retryIfResumed(d, failure.Discardf("%s: they were changed on the way, or the origin is "+
			"wrong; retry, and report it to the origin if it stays so", wrong))
	case wrong != "":
		d.notes = append(d.notes, wrong+"; the sha256 of the job says that the bytes are right")
	}
	if j.AcceptAny || j.Sha256 != "" {
		return nil
	}
	if a.part.Size() == 0 && (d.total != 0 || kind.Binary(d.name)) {
		return failure.Discardf("the origin sent no bytes at all: check the URL; if an empty file is " +
			"wanted, add the line `accept any` to the job and retry")
	}
	if a.part.Size() == 0 {
		return nil
	}
	return response.CheckName(d.name, a.part.Head(), j.AcceptHTML)
}

// retryIfResumed makes err temporary where a part was resumed, because an origin that changed a
// file and kept its validator has two versions joined, and a fetch from the start mends that.
func retryIfResumed(d *delivery, err error) error {
	if f, ok := errors.AsType[*failure.Failure](err); ok && d.from > 0 {
		f.End, f.Text = failure.Retry, "joined with what had come before, "+f.Text
	}
	return err
}

// digestMismatch says why the bytes may not have the digest that the job names.
func (a *attempt) digestMismatch(d *delivery, got string) error {
	if d.from == 0 && !response.IsWhole(d.Response) {
		f := d.StatusFailure()
		f.Discard = true
		return f
	}
	why := "the origin has another version, or the line `sha256` of the job is wrong; correct it " +
		"and retry"
	if m := kind.Check(d.name, a.part.Head()); m != nil {
		why = m.Why
	} else if response.CheckCoding(d.name, d.Header) != nil {
		why = "the origin sends it encoded (Content-Encoding), although it was asked not to: the " +
			"digest is of the file itself, most likely; fetch it elsewhere, and carry it in with " +
			"`fromcache put URL FILE`"
	}
	return failure.Discardf("the bytes have the SHA-256 %s, but %s was expected: %s", got,
		a.c.Job.Sha256, why)
}

// publish commits the part. Once there is an artifact no error takes it back.
func (a *attempt) publish(d *delivery) error {
	art, err := a.c.Publish(a.part, provenance(d))
	if art == nil {
		a.canResume = false // a failed fsync may have lost bytes //guard:TestNoResumeAfterAFailedPublish
		return err
	}
	took := time.Since(a.began)
	a.log.Info("downloaded", "key", a.c.Key, "url", key.Redact(a.c.URL),
		"size", art.Size, "sha256", art.SHA256,
		"resumed_from", d.from, "seconds", took.Round(time.Millisecond).Seconds())
	if err != nil && !errors.Is(err, fsstore.ErrLost) {
		a.pause("published, but its job can't be moved to done/: "+a.c.Key, err)
		return nil
	}
	return err
}

// IsUnchanged ends the job of an artifact that the origin has not changed.
func (a *attempt) unchanged() error {
	a.discard()
	err := a.c.Unchanged()
	a.isUnchanged = true
	if err == nil {
		a.log.Info("unchanged", "key", a.c.Key, "url", key.Redact(a.c.URL))
	}
	return err
}

// provenance returns what meta tells of where the bytes came from.
func provenance(d *delivery) fsstore.Origin {
	return fsstore.Origin{
		Header:    response.KeptFields(d.Header),
		FinalURL:  d.URL(),
		Redirects: d.Redirects(),
		Ranges:    response.ServesRanges(d.Response),
		Notes:     d.notes,
	}
}
