package fetch

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/response"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
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
	limits    fsstore.AllowedLimits

	isUnchanged bool // the origin says that what is held is still right

	passed []string // why upstreams that should have brought it did not, for meta
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

// run requests, receives and checks: from the upstreams, and then from the origin.
func (a *attempt) run(ctx context.Context) (*delivery, error) {
	if err := a.readLimits(); err != nil {
		return nil, err
	}
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
	if d, err := a.fromUpstreams(ctx); d != nil || err != nil {
		return d, err
	}
	return a.download(ctx, a.get)
}

// download requests by get, receives and checks.
func (a *attempt) download(ctx context.Context,
	get func(context.Context, job.Event) (*delivery, error)) (*delivery, error) {
	start, _ := response.Resumable(&a.c.Job)
	a.started = false
	d, err := get(ctx, start)
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
	if d.total < 0 { // only now it is known
		if err := a.checkLimits(a.part.Size()); err != nil {
			return d, err
		}
	}
	return d, a.askCheck(ctx)
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
		"from", key.Redact(d.URL()), "resumed_from", d.from,
		"seconds", took.Round(time.Millisecond).Seconds())
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
	if d.upstream != nil {
		return upstreamProvenance(d)
	}
	return fsstore.Origin{
		Header:    response.KeptFields(d.Header),
		FinalURL:  d.URL(),
		Redirects: d.Redirects(),
		Ranges:    response.ServesRanges(d.Response),
		Notes:     d.notes,
		Digest:    d.originDigest,
	}
}
