package fsstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

func batchStem(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "batch-" + hex.EncodeToString(sum[:8])
}

// What a batch's log says of each of its URLs.
const (
	kindQueued  job.Kind = "queued"  // it has a job of its own now; the text is its key
	kindSame    job.Kind = "same"    // it is the artifact of a URL above; the text begins with its place
	kindRefused job.Kind = "refused" // it is in failed/ with the reason, which the text is, after its place
)

// maxBatch leaves room in maxJobFile for a note of each URL, as long as five
// times the URL where that is short.
const maxBatch = 512 << 10

// begun reports whether a batch has notes, as it comes back after a crash.
func begun(p job.File) bool {
	return slices.ContainsFunc(p.Jobs, func(j job.Job) bool {
		return slices.ContainsFunc(j.Events, func(e job.Event) bool { return e.Kind == kindQueued || e.Kind == kindSame || e.Kind == kindRefused })
	})
}

// batch is the taking apart of a file of many URLs.
type batch struct {
	*Claim
	jobs  []job.Job
	first map[string]int  // key to the place of the first URL that has it
	noted map[string]bool // what need not be done again
	count map[job.Kind]int
}

// claimBatch turns a file of many URLs into one job for each artifact, without
// replacing any, and notes each URL, so that a crash repeats only the rest.
func (s *Store) claimBatch(f *os.File, name string, p job.File, read int) error {
	c := &Claim{Worker: newWorker(), Job: p.Jobs[0], s: s, f: f, author: author(f, p.Jobs), listed: listName(name)}
	got, err := c.reading(read, p.Jobs[len(p.Jobs)-1].URL).take(s.job(Queue, name), batchStem(name))
	if got == nil {
		return err
	}
	defer c.close()
	b := &batch{c, p.Jobs, map[string]int{}, alreadyNoted(p.Jobs), map[job.Kind]int{}}
	stem, _, _ := splitActive(base(c.path))
	if err := b.expand(); errors.Is(err, ErrLost) {
		c.Key = stem
		return c.Cancelled()
	} else if err != nil {
		return errors.Join(err, c.PutBack("the batch could not be taken apart: "+err.Error()))
	}
	if err := b.passOn(); err != nil {
		return errors.Join(err, c.PutBack("what was added to the batch could not be queued: "+err.Error()))
	}
	if why := badLines(p); why != "" {
		return c.failAs(stem, why)
	}
	if err := c.log(job.Event{Kind: job.Done, Count: 1, Size: -1, Text: b.sum()}); err != nil {
		return err
	}
	return s.moveHistory(c.f, c.path, Done, stem)
}

func badLines(p job.File) string {
	if len(p.Bad) == 0 {
		return ""
	}
	return fmt.Sprintf("the other URLs are queued, but line %d: %s", p.Bad[0].N, p.Bad[0].Why)
}

// sum tells what became of the URLs.
func (b *batch) sum() string {
	text := fmt.Sprintf("%d URLs queued", b.count[kindQueued])
	if n := b.count[kindSame]; n > 0 {
		text += fmt.Sprintf(", %d of the same artifacts", n)
	}
	if n := b.count[kindRefused]; n > 0 {
		text += fmt.Sprintf(", %d refused: see failed/", n)
	}
	return text
}

// alreadyNoted is what an earlier claim of the batch did before it died.
func alreadyNoted(jobs []job.Job) map[string]bool {
	noted := map[string]bool{}
	for _, j := range jobs {
		for _, e := range j.Events {
			switch e.Kind {
			case kindQueued:
				noted[e.Text] = true
			case kindSame, kindRefused:
				place, _, _ := strings.Cut(e.Text, ":")
				noted[place] = true
			case job.Failed, job.Done, job.Retry, job.Cancelled:
				clear(noted) // an operator asks for the whole of it again
			}
		}
	}
	return noted
}

func (b *batch) expand() error {
	if err := b.f.Sync(); err != nil { // else a power cut takes the rest of what it has begun
		return err
	}
	for i := range b.jobs {
		if !b.Held() && !b.s.Ill() { // a directory that is away may come back
			return ErrLost
		}
		e, err := b.one(i)
		if err != nil {
			return err
		}
		b.count[e.Kind]++
		if e.Text == "" {
			continue // noted already
		}
		e.Count = 1
		if err := b.log(e); err != nil {
			return err
		}
	}
	return nil
}

// one does what is to be done about one URL, and returns what to note.
func (b *batch) one(i int) (job.Event, error) {
	stem := batchStem(b.jobs[i].URL) // a URL without a key still becomes a job, and fails with its reason
	u, err := b.s.Parse(b.jobs[i].URL)
	if err == nil {
		stem = u.Key()
	}
	why := flaw(&b.jobs[i])
	if at, seen := b.first[stem]; seen && why == "" {
		return b.same(i, at, stem)
	}
	if b.noted[nth(i)] {
		return job.Event{Kind: kindRefused}, nil
	}
	if why == "" && err == nil && b.isCarriedIn(u) {
		why = "a file was carried in for it by hand, and stands above a list: retry this job to fetch it all the same"
	}
	if why != "" {
		return b.refuseOne(i, stem, why)
	}
	e := job.Event{Kind: kindQueued}
	if !b.noted[stem] && !b.noted[u.OldKey()] { // an earlier server notes so
		e.Text = stem
		err = b.queueOne(&b.jobs[i], stem, u)
		if errors.Is(err, ErrBusy) {
			return b.refuseOne(i, stem, err.Error())
		}
		if err != nil {
			return e, err
		}
	}
	b.first[stem] = i
	return e, nil
}

// isCarriedIn reports whether what is held of a URL came by put or upload. Nobody
// can tell whether a list was written before that or after.
func (b *batch) isCarriedIn(u key.URL) bool {
	a, err := b.s.heldAs(u)
	if err != nil {
		return false
	}
	done := b.s.doneJob(aboutHeld(a.Key, a.URLSum))
	return b.s.carriedIn(a.Key, &done.Job)
}

// nth names a URL of the batch. The URL itself may hold a credential.
func nth(i int) string { return fmt.Sprintf("URL %d", i+1) }

// same is for a URL that has the key of one above: that one is fetched. What it
// asks for beyond that can't be had.
func (b *batch) same(i, at int, stem string) (job.Event, error) {
	lack := lacking(&b.jobs[at], addition(&b.jobs[i]))
	lack.URL = "" // the first is as good
	kind := kindSame
	if lack != (Addition{}) {
		kind = kindRefused
	}
	if b.noted[nth(i)] {
		return job.Event{Kind: kind}, nil
	}
	if kind == kindRefused {
		return b.refuseOne(i, stem, "it is the same artifact as "+nth(at)+" of its list, which has another sha256 or accept: retry the one that is right; if their queries choose the content, use --keep-query")
	}
	return job.Event{Kind: kind, Text: nth(i) + ": it is the same artifact as " + nth(at) + ", which is fetched"}, nil
}

// queueOne makes the job of a URL, or completes the one that waits.
func (b *batch) queueOne(j *job.Job, stem string, u key.URL) error {
	text := batchJob(j, b.by())
	if u.Key() == "" {
		if _, err := b.s.enqueue(stem, text); !errors.Is(err, errMoved) {
			return err
		}
		return nil // it is there, and says no more
	}
	_, err := again(stem, func() (string, error) {
		name, err := b.s.completeWaiting(b.s.about(u), addition(j), b.by())
		if !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
		return b.s.enqueue(stem, text)
	})
	return err
}

// refuseOne puts a URL into failed/, where it is seen and can be retried.
func (b *batch) refuseOne(i int, stem, why string) (job.Event, error) {
	text := batchJob(&b.jobs[i], b.by()) + job.Event{Time: now(), Kind: job.Failed, Count: 1, Text: why}.Line()
	f, err := b.s.writeTemp([]byte(text), 0o660, true)
	if err != nil {
		return job.Event{}, err
	}
	defer f.Close()
	if _, err := renameFree(f.Name(), b.s.path(string(Failed), ""), stem); err != nil {
		os.Remove(f.Name())
		return job.Event{}, err
	}
	return job.Event{Kind: kindRefused, Text: nth(i) + ": " + why}, syncDir(b.s.path(string(Failed), ""))
}

func (b *batch) by() By { return By{Via: "batch", Addr: b.author} }

// addition is what a URL of a list asks for.
func addition(j *job.Job) Addition {
	a := Addition{URL: j.URL, SHA256: j.Sha256, AcceptHTML: j.AcceptHTML, AcceptAny: j.AcceptAny, AcceptHTTP: j.AcceptHTTP, AcceptPrivate: j.AcceptPrivate}
	if fetch, err := key.FetchURL(j.URL); err == nil {
		a.URL = fetch
	}
	return a
}

func batchJob(j *job.Job, by By) string {
	text := j.URL + "\n" + options(addition(j))
	if due := j.Due(); !due.IsZero() {
		text += "after " + due.UTC().Format(time.RFC3339) + "\n"
	}
	for _, f := range j.Flaws {
		text += f.Text + "\n" // a retry is to fail for it as well
	}
	return text + by.event(job.Approve).Line()
}
