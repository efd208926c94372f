package fsstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

func batchStem(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "batch-" + hex.EncodeToString(sum[:8])
}

const kindQueued job.Kind = "queued" // of a batch: this URL has a job of its own now

// maxBatch leaves room in maxJobFile for a note of each URL, as long as five
// times the URL where that is short.
const maxBatch = 512 << 10

// begun reports whether a batch has notes, as it comes back after a crash.
func begun(p job.File) bool {
	return slices.ContainsFunc(p.Jobs, func(j job.Job) bool {
		return slices.ContainsFunc(j.Events, func(e job.Event) bool { return e.Kind == kindQueued })
	})
}

// claimBatch turns a file of many URLs into one job for each, without
// replacing any, and notes each, so that a crash repeats only the rest.
func (s *Store) claimBatch(f *os.File, name string, p job.File) error {
	c := &Claim{Worker: newWorker(), Job: p.Jobs[0], s: s, f: f, author: author(f, p.Jobs)}
	got, err := c.take(s.job(Queue, name), batchStem(name))
	if got == nil {
		return err
	}
	defer c.close()
	if err := c.expand(p); err != nil {
		return errors.Join(err, c.PutBack("the batch could not be taken apart: "+err.Error()))
	}
	stem, _, _ := splitActive(base(c.path))
	if why := badLines(p); why != "" {
		return c.failAs(stem, why)
	}
	if err := c.log(job.Event{Kind: job.Done, Count: 1, Size: -1, Text: fmt.Sprintf("%d URLs queued", len(p.Jobs))}); err != nil {
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

func (c *Claim) expand(p job.File) error {
	noted := map[string]bool{}
	for _, j := range p.Jobs {
		for _, e := range j.Events {
			switch e.Kind {
			case kindQueued:
				noted[e.Text] = true
			case job.Failed, job.Done, job.Retry, job.Cancelled:
				clear(noted) // an operator asks for the whole of it again
			}
		}
	}
	for i := range p.Jobs {
		k, err := c.queueOne(&p.Jobs[i], noted)
		if err != nil {
			return err
		}
		if k == "" {
			continue
		}
		noted[k] = true
		if err := c.log(job.Event{Kind: kindQueued, Count: 1, Text: k}); err != nil {
			return err
		}
	}
	return syncDir(c.s.path(string(Queue), ""))
}

func (c *Claim) queueOne(j *job.Job, noted map[string]bool) (string, error) {
	stem := batchStem(j.URL) // a URL without a key still becomes a job, and fails with its reason
	if u, err := key.Parse(j.URL, c.s.opt.Rule); err == nil {
		stem = u.Key()
	}
	if noted[stem] {
		return "", nil
	}
	err := c.s.publishNew(batchJob(j, c.author), c.s.job(Queue, stem+".job"), true)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return stem, nil
}

func batchJob(j *job.Job, author string) string {
	a := Addition{SHA256: j.Sha256, AcceptHTML: j.AcceptHTML, AcceptAny: j.AcceptAny, AcceptHTTP: j.AcceptHTTP}
	text := j.URL + "\n" + options(a)
	if due := j.Due(); !due.IsZero() {
		text += "after " + due.UTC().Format(time.RFC3339) + "\n"
	}
	return text + By{Via: "batch", Addr: author}.event(job.Approve).Line()
}
