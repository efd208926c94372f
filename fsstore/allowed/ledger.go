package allowed

import (
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// ApprovedBy returns the name of the rule that approved a job that waits or runs; "" where a person
// approved it. A job that ended since was moved back by a person.
func ApprovedBy(j *job.Job) string { return approver(j.Events) }

// approver reads a log backwards, from its newest event.
func approver(events []job.Event) string {
	for _, e := range slices.Backward(events) {
		switch e.Kind {
		case job.Retry, job.Done, job.Failed, job.Cancelled:
			return ""
		case job.Approve:
			name, ok := strings.CutPrefix(e.Via, via)
			if !ok {
				return ""
			}
			return name
		}
	}
	return ""
}

// cost is what one ended job has cost the rule that approved it.
type cost struct {
	rule  string // "": a person approved it
	bytes int64  // fetched; 0 where nothing was
	at    time.Time
}

// costOf reads a job that ended with an event of this kind.
func costOf(j *job.Job, end job.Kind) cost {
	for i, e := range slices.Backward(j.Events) {
		if e.Kind != end {
			continue
		}
		c := cost{rule: approver(j.Events[:i]), at: e.Time}
		if end == job.Done && !e.Unchanged {
			c.bytes = max(e.Size, 0)
		}
		return c
	}
	return cost{}
}

// ledger knows what the jobs of one directory have cost. It holds in memory what the files say, and
// reads again those that have changed.
type ledger struct {
	tree   *tree.Tree
	in     tree.State
	files  tree.Mirror[cost]
	mu     sync.Mutex
	listed time.Time     // when the directory was listed
	dir    tree.Identity // of the directory when it was listed; zero if it might change without a new one
}

// open makes it the ledger of a directory whose jobs ended with an event of kind end.
func (l *ledger) open(t *tree.Tree, p *spool.Spool, st tree.State, end job.Kind) {
	l.tree, l.in = t, st
	l.files = tree.Mirror[cost]{
		Dir: t.Dir(st), Ours: tree.Plain, Load: func(name string) (cost, error) {
			f, err := p.JobFile(st, name)
			return costOf(&f.Job, end), err
		},
	}
}

// refresh lists the directory if it has changed, unless it did so less than old ago. While jobs come
// and go it reads those alone that it does not know, because a stat of each of many thousands for each
// miss would make clients wait; and all that have changed once the directory has stood still.
func (l *ledger) refresh(old time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var st unix.Stat_t
	if time.Since(l.listed) < old || unix.Stat(l.files.Dir, &st) != nil || l.dir == tree.Identify(&st) {
		return
	}
	names, err := l.tree.Names(string(l.in))
	if err != nil {
		return
	}
	l.listed, l.dir = time.Now(), tree.Identity{}
	if !tree.IsSettled(&st) {
		l.files.RescanNames(names)
		return
	}
	l.files.Rescan(names)
	l.dir = tree.Identify(&st)
}

// sum returns how many jobs a rule approved that ended after since, and their bytes, as the
// directory was less than old ago.
func (l *ledger) sum(rule string, since time.Time, old time.Duration) (jobs int, bytes int64) {
	l.refresh(old)
	for _, c := range l.files.All() {
		if c.rule == rule && c.at.After(since) {
			jobs++
			bytes += c.bytes
		}
	}
	return jobs, bytes
}

// count returns how many jobs of a rule there are.
func (l *ledger) count(rule string) int {
	n, _ := l.sum(rule, time.Time{}, 0)
	return n
}
