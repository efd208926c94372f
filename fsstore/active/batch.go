package active

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// batchStem stands for the key in the names of files that have none.
func batchStem(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "batch-" + hex.EncodeToString(sum[:8])
}

// batch is the claim of a list, a file of many URLs, which it takes apart.
type batch struct {
	*Claim
	jobs  []job.Job
	first map[string]int // key to the index of the first URL that has it
	count map[job.Kind]int
}

// claimBatch turns a list into one job for each artifact, without replacing any. After a crash it
// does all again: a job that waits is as the list has it, a job that is done is fetched again and
// found unchanged, and a URL that was refused is in failed/ once more.
func (c *Claim) claimBatch(name string, p job.File) error {
	c.stem = batchStem(name)
	if got, err := c.take(name); got == nil {
		return err
	}
	defer c.close()
	b := &batch{c, p.Jobs, map[string]int{}, map[job.Kind]int{}}
	if err := b.expand(); errors.Is(err, ErrLost) {
		queued := job.Event{Kind: spool.KindQueued, Count: 1, Text: b.summary()}
		c.health.Complain("log line", c.log(queued))
		return c.Cancel()
	} else if err != nil {
		return errors.Join(err, c.Requeue("the batch could not be taken apart: "+err.Error()))
	}
	if err := b.queueAdded(); err != nil {
		return errors.Join(err,
			c.Requeue("what was added to the batch could not be queued: "+err.Error()))
	}
	if len(p.Bad) > 0 {
		return c.fail(fmt.Sprintf("the other URLs are queued, but line %d: %s", p.Bad[0].N, p.Bad[0].Why))
	}
	if err := c.log(job.Event{Kind: job.Done, Count: 1, Size: -1, Text: b.summary()}); err != nil {
		return err
	}
	_, err := c.spool.MoveToEnded(c.path, tree.Done, c.stem)
	return err
}

// summary says what became of the URLs.
func (b *batch) summary() string {
	text := fmt.Sprintf("%d URLs queued", b.count[spool.KindQueued])
	if n := b.count[spool.KindSame]; n > 0 {
		text += fmt.Sprintf(", %d of the same artifacts", n)
	}
	if n := b.count[spool.KindRefused]; n > 0 {
		text += fmt.Sprintf(", %d refused: see failed/", n)
	}
	return text
}

// expand queues each URL and logs those that it does not queue. It fsyncs the list first, because
// a power cut could otherwise lose the list when a part of it is queued.
func (b *batch) expand() error {
	if err := b.f.Sync(); err != nil { //guard:TestEachStepIsSynced
		return err
	}
	for i := range b.jobs {
		// While the directory is ill, its disk may be away and come back with the list.
		if !b.Owns() && !b.health.Ill() { //guard:TestBatchIsCancelled
			return ErrLost
		}
		kind, why, err := b.queueURL(i)
		if err != nil {
			return err
		}
		b.count[kind]++
		if kind == spool.KindQueued {
			continue
		}
		if err := b.log(job.Event{Kind: kind, Count: 1, Text: urlNumber(i) + ": " + why}); err != nil {
			return err
		}
	}
	return nil
}

// queueURL queues one URL, or puts it into failed/. It returns what became of it, and why it was
// not queued. A URL without a key is queued too, because its job then fails with the reason.
func (b *batch) queueURL(i int) (kind job.Kind, why string, err error) {
	j, stem := &b.jobs[i], batchStem(b.jobs[i].URL)
	u, invalid := b.queries.Parse(j.URL)
	if invalid == nil {
		stem = u.Key()
	}
	at, seen := b.first[stem]
	why = spool.WhyBadOption(j)
	switch {
	case why != "": //guard:TestSameArtifactThatCannotBeTaken
	case seen:
		if lack := verbs.MissingFrom(&b.jobs[at], verbs.AdditionOf(j)); lack == (verbs.Addition{URL: lack.URL}) { //guard:TestBatchOfOneArtifactTwice
			return spool.KindSame, "it is the same artifact as " + urlNumber(at) + ", which is fetched", nil
		}
		why = "it is the same artifact as " + urlNumber(at) +
			" of its list, which has another sha256 or accept: retry the one that is right; if their queries choose the content, use --keep-query"
	case invalid == nil && b.isCarriedIn(u):
		why = "a file was carried in for it by hand, and stands above a list: " +
			"retry this job to fetch it all the same"
	default:
		err := b.queueJob(j, stem, u)
		if err == nil {
			b.first[stem] = i
			return spool.KindQueued, "", nil
		}
		if !errors.Is(err, spool.ErrBusy) {
			return "", "", err
		}
		why = err.Error()
	}
	return spool.KindRefused, why, b.refuseJob(j, stem, why)
}

// isCarriedIn reports whether what is held of a URL came by put or upload. It stands above a list,
// because nobody can tell whether the list was written before it or after.
func (b *batch) isCarriedIn(u key.URL) bool {
	a, err := b.held.Find(u)
	if err != nil {
		return false
	}
	done := b.spool.DoneJob(spool.IDOfHeld(a.Key, a.URLSum))
	return b.spool.CameByPut(a.Key, &done.Job)
}

// urlNumber names a URL of the list by its place, because the URL itself may hold a credential.
func urlNumber(i int) string { return fmt.Sprintf("URL %d", i+1) }

// queueJob makes the job of a URL, or adds the list's options to the one that waits.
func (b *batch) queueJob(j *job.Job, stem string, u key.URL) error {
	text := batchJob(j, b.by())
	if u.Key() == "" {
		if _, err := b.verbs.Enqueue(stem, text); !errors.Is(err, verbs.ErrMoved) {
			return err
		}
		return nil // it is queued already, and there is nothing to add
	}
	_, err := verbs.RetryIfMoved(stem, func() (string, error) {
		name, err := b.verbs.CompleteQueued(b.spool.IDOf(u), verbs.AdditionOf(j), b.by())
		if !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
		return b.verbs.Enqueue(stem, text)
	})
	return err
}

// refuseJob puts a URL into failed/, where a person sees it and can retry it.
func (b *batch) refuseJob(j *job.Job, stem, why string) error {
	failed := job.Event{Time: tree.Now(), Kind: job.Failed, Count: 1, Text: why}
	if err := b.spool.WriteEnded(batchJob(j, b.by())+failed.Line(), tree.Failed, stem); err != nil {
		return err
	}
	return tree.SyncDir(b.tree.Dir(tree.Failed)) //guard:TestEachStepIsSynced
}

func (b *batch) by() spool.Operator { return spool.Operator{Via: "batch", Addr: b.author} }

// batchJob is the text of the job of one URL.
func batchJob(j *job.Job, by spool.Operator) string {
	text := j.URL + "\n" + verbs.OptionLines(verbs.AdditionOf(j))
	if due := j.Due(); !due.IsZero() {
		text += "after " + due.UTC().Format(time.RFC3339) + "\n"
	}
	for _, f := range j.Flaws { // for a retry to fail on it again
		text += f.Text + "\n" //guard:TestBatchOfWhatCannotBeTaken
	}
	return text + by.Event(job.Approve).Line()
}
