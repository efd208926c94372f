package active

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

func batchStem(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "batch-" + hex.EncodeToString(sum[:8])
}

// batch is the taking apart of a file of many URLs.
type batch struct {
	*Claim
	jobs  []job.Job
	first map[string]int // key to the place of the first URL that has it
	count map[job.Kind]int
}

// claimBatch turns a file of many URLs into one job for each artifact, without
// replacing any. After a crash all of it is done again: a job that waits is as the
// list has it, one that is done is found unchanged, and what was refused is in
// failed/ once more.
func (cs *Claims) claimBatch(f *os.File, name string, p job.File, read int) error {
	c := &Claim{Worker: tree.RandomID(), Job: p.Jobs[0], shared: &cs.shared, f: f, author: spool.ApproverOf(f, p.Jobs), givenName: listName(name)}
	got, err := c.reading(read, p.Jobs[len(p.Jobs)-1].URL).take(cs.tree.JobPath(tree.Queue, name), batchStem(name))
	if got == nil {
		return err
	}
	defer c.close()
	b := &batch{c, p.Jobs, map[string]int{}, map[job.Kind]int{}}
	stem, _, _ := tree.SplitActive(tree.Base(c.path))
	if err := b.expand(); errors.Is(err, ErrLost) {
		c.Key = stem
		c.health.Complain("log line", c.log(job.Event{Kind: spool.KindQueued, Count: 1, Text: b.summary()}))
		return c.Cancel()
	} else if err != nil {
		return errors.Join(err, c.Requeue("the batch could not be taken apart: "+err.Error()))
	}
	if err := b.queueAdded(); err != nil {
		return errors.Join(err, c.Requeue("what was added to the batch could not be queued: "+err.Error()))
	}
	if why := badLines(p); why != "" {
		return c.failAs(stem, why)
	}
	if err := c.log(job.Event{Kind: job.Done, Count: 1, Size: -1, Text: b.summary()}); err != nil {
		return err
	}
	_, err = cs.spool.MoveToEnded(c.path, tree.Done, stem)
	return err
}

func badLines(p job.File) string {
	if len(p.Bad) == 0 {
		return ""
	}
	return fmt.Sprintf("the other URLs are queued, but line %d: %s", p.Bad[0].N, p.Bad[0].Why)
}

// summary tells what became of the URLs.
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

func (b *batch) expand() error {
	if err := b.f.Sync(); err != nil { // else a power cut takes the rest of what it has begun //guard:TestEachStepIsSynced
		return err
	}
	for i := range b.jobs {
		if !b.Owns() && !b.health.Ill() { // a directory that is away may come back //guard:TestBatchIsCancelled
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

// queueURL does what is to be done about one URL, and says what became of it, and why
// it has no job.
func (b *batch) queueURL(i int) (kind job.Kind, why string, err error) {
	j, stem := &b.jobs[i], batchStem(b.jobs[i].URL) // without a key it becomes a job all the same, and fails with its reason
	u, invalid := b.queries.Parse(j.URL)
	if invalid == nil {
		stem = u.Key()
	}
	at, seen := b.first[stem]
	why = spool.WhyBadOption(j)
	switch {
	case why != "": //guard:TestSameArtifactThatCannotBeTaken
	case seen:
		if lack := verbs.MissingFrom(&b.jobs[at], addition(j)); lack == (verbs.Addition{URL: lack.URL}) { // the first is as good //guard:TestBatchOfOneArtifactTwice
			return spool.KindSame, "it is the same artifact as " + urlNumber(at) + ", which is fetched", nil
		}
		why = "it is the same artifact as " + urlNumber(at) + " of its list, which has another sha256 or accept: retry the one that is right; if their queries choose the content, use --keep-query"
	case invalid == nil && b.isCarriedIn(u):
		why = "a file was carried in for it by hand, and stands above a list: retry this job to fetch it all the same"
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

// isCarriedIn reports whether what is held of a URL came by put or upload. Nobody
// can tell whether a list was written before that or after.
func (b *batch) isCarriedIn(u key.URL) bool {
	a, err := b.held.Find(u)
	if err != nil {
		return false
	}
	done := b.spool.DoneJob(spool.IDOfHeld(a.Key, a.URLSum))
	return b.spool.CameByPut(a.Key, &done.Job)
}

// urlNumber names a URL of the batch. The URL itself may hold a credential.
func urlNumber(i int) string { return fmt.Sprintf("URL %d", i+1) }

// queueJob makes the job of a URL, or completes the one that waits.
func (b *batch) queueJob(j *job.Job, stem string, u key.URL) error {
	text := batchJob(j, b.by())
	if u.Key() == "" {
		if _, err := b.verbs.Enqueue(stem, text); !errors.Is(err, verbs.ErrMoved) {
			return err
		}
		return nil // it is there, and says no more
	}
	_, err := verbs.RetryIfMoved(stem, func() (string, error) {
		name, err := b.verbs.CompleteQueued(b.spool.IDOf(u), addition(j), b.by())
		if !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
		return b.verbs.Enqueue(stem, text)
	})
	return err
}

// refuseJob puts a URL into failed/, where it is seen and can be retried.
func (b *batch) refuseJob(j *job.Job, stem, why string) error {
	text := batchJob(j, b.by()) + job.Event{Time: tree.Now(), Kind: job.Failed, Count: 1, Text: why}.Line()
	if err := b.spool.WriteEnded(text, tree.Failed, stem); err != nil {
		return err
	}
	return tree.SyncDir(b.tree.Path(string(tree.Failed), "")) //guard:TestEachStepIsSynced
}

func (b *batch) by() spool.Operator { return spool.Operator{Via: "batch", Addr: b.author} }

// addition is what a URL of a list asks for.
func addition(j *job.Job) verbs.Addition {
	a := verbs.Addition{URL: j.URL, SHA256: j.Sha256, AcceptHTML: j.AcceptHTML, AcceptAny: j.AcceptAny, AcceptHTTP: j.AcceptHTTP, AcceptPrivate: j.AcceptPrivate}
	if fetch, err := key.FetchURL(j.URL); err == nil {
		a.URL = fetch
	}
	return a
}

func batchJob(j *job.Job, by spool.Operator) string {
	text := j.URL + "\n" + verbs.OptionLines(addition(j))
	if due := j.Due(); !due.IsZero() {
		text += "after " + due.UTC().Format(time.RFC3339) + "\n"
	}
	for _, f := range j.Flaws {
		text += f.Text + "\n" // a retry is to fail for it as well
	}
	return text + by.Event(job.Approve).Line()
}
