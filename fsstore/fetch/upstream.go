package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/response"
	"fromcache/fsstore/fetch/upstream"
	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"
)

var errUpstreamOnly = errors.New("no origin is asked, for this server has --upstream-only")

const (
	// brokenDelay is the time until a download that broke off goes on from an upstream, which may be
	// starting again.
	brokenDelay = 3 * time.Second
	// maxBroken is how many attempts in a row may bring nothing before the origin is asked instead.
	maxBroken = 3
	// maxBusy is how many times in a row an upstream is waited for that is busy, before the origin is
	// asked instead.
	maxBusy = 10
	// onlyDelay is the time until upstreams are asked again that don't hold what is wanted, where no
	// origin is asked.
	onlyDelay = 10 * time.Second
)

// fromUpstreams downloads from the first upstream that brings the URL. It returns neither a
// delivery nor an error where the origin is to be asked.
func (a *attempt) fromUpstreams(ctx context.Context) (*delivery, error) {
	g := a.o.Upstreams
	if g == nil {
		return nil, nil
	}
	g.Forget(a.c.URL)
	var said outcomes
	for _, s := range g.Servers {
		d, err := a.fromUpstream(ctx, s)
		if !said.add(err) {
			return d, err
		}
		if d != nil {
			d.Close()
		}
	}
	return nil, a.afterUpstreams(&said)
}

// outcomes are what the upstreams said that did not bring a URL.
type outcomes struct {
	wait   *upstream.WaitError // of the first that is about to hold it
	broken bool                // one could not be reached
	odd    []string            // why those did not bring it that should have
	all    []string
}

// add reports whether err says that the next upstream is to be asked.
func (o *outcomes) add(err error) bool {
	pass, passes := errors.AsType[*upstream.PassError](err)
	wait, waits := errors.AsType[*upstream.WaitError](err)
	switch {
	case waits && o.wait == nil:
		o.wait = wait
	case !waits && !passes:
		return false
	}
	o.all = append(o.all, err.Error())
	if passes && !pass.NotHeld {
		o.odd = append(o.odd, "asked before: "+err.Error())
		o.broken = o.broken || pass.NoReply
	}
	return true
}

// afterUpstreams returns what becomes of a job that no upstream has brought; nil: the origin is
// asked.
func (a *attempt) afterUpstreams(said *outcomes) error {
	g, wait, reasons := a.o.Upstreams, said.wait, strings.Join(said.all, "; ")
	switch {
	case wait != nil && (g.Only || !wait.Busy || a.c.Job.Waits() < maxBusy):
		g.Await(a.c.URL, wait.Names)
		return &failure.Failure{Text: wait.Why, End: failure.Defer, Delay: a.longer(wait.After),
			Reason: failure.Upstream}
	case said.broken && a.hasUpstreamPart() && a.c.Job.Attempts() < maxBroken:
		return &failure.Failure{Text: reasons, End: failure.Retry, Delay: brokenDelay,
			Reason: failure.Interrupted}
	case g.Only:
		f := &failure.Failure{Text: "no upstream brings it, and --upstream-only asks no origin: " +
			reasons, End: failure.Defer, Delay: a.longer(onlyDelay), Reason: failure.Upstream}
		if said.broken {
			f.Reason = failure.Connection // an alert is to tell a line that is cut from a wait
		}
		return f
	}
	if a.passed = said.odd; len(said.odd) > 0 {
		a.warn("no upstream brings it: the origin is asked", reasons)
	} else {
		a.log.Info("no upstream holds it: the origin is asked", "key", a.c.Key)
	}
	return nil
}

// longer returns the delay d of a wait. It grows by d with each twelve waits in a row, up to a
// minute, so that the log of a job that waits for hours stays readable.
func (a *attempt) longer(d time.Duration) time.Duration {
	return max(d, min(d*time.Duration(1+a.c.Job.Waits()/12), time.Minute))
}

// hasUpstreamPart reports whether an upstream has sent a part that can be resumed.
func (a *attempt) hasUpstreamPart() bool {
	start, ok := response.Resumable(&a.c.Job)
	return ok && a.part.Size() > 0 && fsstore.IsDigest(strings.Trim(start.ETag, `"`))
}

// fromUpstream downloads from one upstream. Where bytes that had come before don't fit, it begins
// anew.
func (a *attempt) fromUpstream(ctx context.Context, s *upstream.Server) (*delivery, error) {
	get := func(ctx context.Context, start job.Event) (*delivery, error) {
		return a.getUpstream(ctx, s, start)
	}
	d, err := a.download(ctx, get)
	if d != nil && d.from > 0 && errors.As(err, new(*wrongDigestError)) {
		d.Close()
		d, err = a.download(ctx, get)
	}
	if wrong, ok := errors.AsType[*wrongDigestError](err); ok {
		return d, &upstream.PassError{Why: wrong.Error()}
	}
	return d, passOn(ctx, s, err)
}

// passOn makes a *upstream.PassError of a body that broke off, so that the next upstream goes on
// with it.
func passOn(ctx context.Context, s *upstream.Server, err error) error {
	f, ok := errors.AsType[*failure.Failure](err)
	if ok && context.Cause(ctx) == nil && f.End == failure.Retry &&
		(f.Reason == failure.Interrupted || f.Reason == failure.Timeout) {
		return &upstream.PassError{Why: "upstream " + s.URL + ": " + f.Text, NoReply: true}
	}
	return err
}

// getUpstream requests the rest of the part, or else the whole, from an upstream.
func (a *attempt) getUpstream(ctx context.Context, s *upstream.Server, start job.Event) (*delivery,
	error) {
	n, want := a.part.Size(), a.c.Job.Sha256
	digest := strings.Trim(start.ETag, `"`)
	if n > 0 && fsstore.IsDigest(digest) && (want == "" || want == digest) {
		d, err := a.resumeUpstream(ctx, s, start, digest)
		pass, ok := errors.AsType[*upstream.PassError](err)
		if d != nil || err != nil && !(ok && pass.NotHeld) {
			return d, err
		}
	}
	ans, err := a.wholeOfUpstream(ctx, s)
	if err != nil {
		return nil, err
	}
	if ans.StatusCode == http.StatusOK && n > 0 {
		if err := a.part.Restart(); err != nil {
			ans.Close()
			return nil, err
		}
	}
	d := a.fromStart(ans)
	d.upstream = s
	return d, nil
}

// resumeUpstream requests the rest of the part by its digest. It returns neither a delivery nor an
// error where the answer can't be appended.
func (a *attempt) resumeUpstream(ctx context.Context, s *upstream.Server, start job.Event,
	digest string) (*delivery, error) {
	n := a.part.Size()
	fields, from := response.ResumeFields(start, n)
	ans, err := s.Get(ctx, a.c.URL, digest, fields)
	if err != nil {
		return nil, err
	}
	if !response.Continues(ans.Response, start, from) || upstream.Digest(ans) != digest {
		ans.Close()
		return nil, nil
	}
	return &delivery{Answer: ans, from: n, skip: n - from, total: start.Size, upstream: s,
		Validator: response.StartValidator(start), name: kind.Name(a.c.URL), asked: a.c.URL}, nil
}

// wholeOfUpstream requests all of the URL, of the digest that the job names if it names one, and
// only if it has changed where it is held here.
func (a *attempt) wholeOfUpstream(ctx context.Context, s *upstream.Server) (*client.Answer, error) {
	want, fields := a.c.Job.Sha256, http.Header{}
	if held := a.c.Previous(); held != nil && (want == "" || want == held.SHA256) {
		fields.Set("If-None-Match", `"`+held.SHA256+`"`)
	}
	ans, err := a.askUpstream(ctx, s, want, fields)
	if err == nil && response.IsUnchanged(ans.Response, fields) && !a.c.VerifyHeld(ctx) {
		ans.Close()
		fields = http.Header{}
		ans, err = a.askUpstream(ctx, s, want, fields)
	}
	if err != nil {
		return nil, err
	}
	if response.IsWhole(ans.Response) && ans.ContentLength >= 0 ||
		response.IsUnchanged(ans.Response, fields) {
		return ans, nil
	}
	ans.Close()
	return nil, &upstream.PassError{Why: fmt.Sprintf("upstream %s: it sent no whole artifact (%d)",
		s.URL, ans.StatusCode)}
}

// askUpstream requests what the upstream holds of the URL, or an earlier version of it where what
// it holds has not the digest want.
func (a *attempt) askUpstream(ctx context.Context, s *upstream.Server, want string,
	fields http.Header) (*client.Answer, error) {
	ans, err := s.Get(ctx, a.c.URL, "", fields)
	if err == nil && want != "" && upstream.Digest(ans) != want {
		ans.Close()
		ans, err = s.Get(ctx, a.c.URL, want, fields)
	}
	if err == nil && want != "" && upstream.Digest(ans) != want { //guard:cmd/fromcache.TestUpstreamWithAnotherDigestThanTheJobs
		ans.Close()
		return nil, &upstream.PassError{Why: fmt.Sprintf("upstream %s: it was asked for the SHA-256 %s, "+
			"and sends %s: a cache before it leaves the digest out of its key", s.URL, want,
			upstream.Digest(ans))}
	}
	return ans, err
}

// wrongDigestError says that bytes have not the digest that the upstream said.
type wrongDigestError struct{ url, got, want string }

func (e *wrongDigestError) Error() string {
	return fmt.Sprintf("upstream %s: it sent bytes with the SHA-256 %s, and said %s: they were "+
		"changed on the way, or run fromcache fsck there", e.url, e.got, e.want)
}

// checkUpstreamDigest checks the complete part against the digest that the upstream said, and where
// a rule requires it against the origin's. It empties the part if it has another.
func (a *attempt) checkUpstreamDigest(ctx context.Context, d *delivery, got string,
	have response.Sums) error {
	want := upstream.Digest(d.Answer)
	if got != want { //guard:cmd/fromcache.TestUpstreamThatLies
		return cmp.Or(a.part.Restart(), error(&wrongDigestError{d.upstream.URL, got, want}))
	}
	wrong, err := response.Verify(ctx, a.announced(d), have, a.part)
	if wrong != "" {
		return cmp.Or(a.part.Restart(), error(&upstream.PassError{Why: "upstream " + d.upstream.URL +
			": " + wrong}))
	}
	return err
}

// checkOriginDigest refuses what an upstream sends without a digest of the origin's where the
// standing approval requires one: another upstream may have it, or the origin.
func (a *attempt) checkOriginDigest(d *delivery) error {
	if d.upstream == nil || !a.limits.Digest || a.c.Job.Sha256 != "" ||
		len(a.announced(d)) > 0 { //guard:cmd/fromcache.TestUpstreamAndARequiredDigest
		return nil
	}
	return &upstream.PassError{Why: fmt.Sprintf("upstream %s: its origin announced no digest, and "+
		"allowed/%s requires one", d.upstream.URL, a.limits.Rule)}
}

// upstreamProvenance returns what meta tells of bytes from an upstream. The origin's final URL is
// not known; that it redirected is, and clients need it.
func upstreamProvenance(d *delivery) fsstore.Origin {
	o := fsstore.Origin{
		Header: response.KeptFields(d.Header), Ranges: response.ServesRanges(d.Response),
		Notes: d.notes, Digest: response.Format(response.OriginDigests(d.Header)),
		Via: d.upstream.Via(d.Answer), UpstreamApproved: upstream.ApprovedBy(d.Answer),
	}
	for _, own := range []string{"Etag", "Date", "Repr-Digest"} { // of the upstream's answer
		delete(o.Header, own)
	}
	if upstream.IsRedirected(d.Answer) {
		o.Redirects = []string{d.asked}
	}
	return o
}
