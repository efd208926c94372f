package allowed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/spool"
)

// maxFailed is with how many of its jobs in failed/ a rule stops, until a person looks, because a
// client may ask for URLs that it has made up.
const maxFailed = 100

// WhyStopped says why a rule that has no flaw approves nothing for now, or "".
func (r *Rules) WhyStopped(rule *Rule) string {
	if n := r.failed.count(rule.Name); n >= maxFailed {
		return fmt.Sprintf("it has stopped, because %d of its jobs are in failed/: retry or dismiss them", n)
	}
	if rule.Budget == 0 {
		return ""
	}
	// The download asks again for what a budget has left, and then of done/ as it is.
	if spent, err := r.spent(rule, "", time.Second); err != nil || spent >= rule.Budget {
		return "its " + rule.budgetInWords() + " is used up"
	}
	return ""
}

// Approve approves the miss of u that has just been recorded under the key k, where a rule says so,
// and reports whether u waits or is fetched now. It is the verb of an operator, done at once.
func (r *Rules) Approve(k string, u key.URL) bool {
	rule, _ := r.For(u)
	if rule == nil {
		return false
	}
	if r.lookForRoom().refusal(r.clientOf(k)) != "" {
		r.left.Store(true)
		return false
	}
	return r.approve(k, u, rule)
}

func (r *Rules) approve(k string, u key.URL, rule *Rule) bool {
	if r.IsDecided(u) {
		return false
	}
	if r.isUnderWay(u) { // this miss was recorded while another server's was approved
		err := os.Remove(r.tree.JobPath(tree.Misses, k))
		return err == nil || errors.Is(err, fs.ErrNotExist)
	}
	err := r.verbs.Approve(k, "", spool.Operator{Via: via + rule.Name})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a person or another server was faster
		r.health.Complain("a miss that "+via+rule.Name+" approves", err)
	}
	return err == nil
}

// isUnderWay reports whether u has a job or is held. It looks in the order in which a job moves.
func (r *Rules) isUnderWay(u key.URL) bool {
	id := r.spool.IDOf(u)
	return r.spool.FindQueued(id) != "" || r.spool.FindActive(id) != "" || r.held.Holds(u)
}

// Run approves what waits in misses/ when a file in allowed/ is new or has changed, because whoever
// writes one means what waits as well; and once an hour, because budgets free up. It ends with ctx.
// A process runs it once; any number of processes may do so.
func (r *Rules) Run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var due, told time.Time // when misses/ is to be looked through, and when Health was told
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-second.C:
			if r.health.LastCheck().Faulty {
				continue
			}
			changed := r.rescan()
			if changed {
				due = now.Add(quietFor + time.Second)
			}
			if changed || now.Sub(told) >= lookAgain {
				r.setTrouble()
				told = now
			}
			if r.left.Swap(false) {
				due = earlier(due, now.Add(lookAgain))
			}
			if due.IsZero() || now.Before(due) {
				continue
			}
			due = now.Add(time.Hour)
			if left := r.approveWaiting(ctx); left {
				due = now.Add(lookAgain)
			}
		}
	}
}

// earlier returns the earlier of two times; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// lookAgain is when misses/ is looked through again where queue/ had no room for all that is
// allowed, and how old what Health says of rules may be.
const lookAgain = 10 * time.Second

// rescan reports whether a file in allowed/ has changed since the last time.
func (r *Rules) rescan() bool {
	names, err := r.tree.Names(dir)
	if err != nil {
		return false
	}
	return len(r.files.Rescan(names)) > 0
}

// approveWaiting approves the misses that rules allow, in the order of their names, and reports
// whether some are left because too many jobs wait. A miss that holds several URLs is left for a
// person.
func (r *Rules) approveWaiting(ctx context.Context) (left bool) {
	if rules, err := r.List(); err != nil || len(rules) == 0 {
		return false
	}
	names, err := r.tree.Names(string(tree.Misses))
	if err != nil {
		r.health.Complain("misses that are allowed now", err)
		return false
	}
	slices.Sort(names)
	room := r.lookForRoom()
	for _, name := range names {
		if ctx.Err() != nil || room.all <= 0 {
			return true
		}
		f, err := r.spool.JobFile(tree.Misses, name)
		if err != nil || f.Job.URL == "" || len(f.Job.URLs()) > 1 {
			continue
		}
		u, err := r.queries.Parse(f.Job.FetchURL())
		if err != nil || r.spool.DenialOf(u) != "" {
			continue
		}
		rule, _ := r.For(u)
		if rule == nil {
			continue
		}
		client := misses.FirstNetwork(&f.Job)
		if room.refusal(client) != "" {
			left = true
		} else if r.approve(name, u, rule) {
			room.take(client)
		}
	}
	return left
}

// setTrouble has Health list the files that allow nothing, and the rules that have stopped.
func (r *Rules) setTrouble() {
	flaws, err := r.Flaws()
	if err == nil && len(flaws) > 0 {
		err = fmt.Errorf("%s: %s", flaws[0].Path, flaws[0].Text)
	}
	r.health.SetTrouble("allowed",
		"a file in allowed/ allows nothing: run fromcache rules ls", err)
	err = nil
	all, _ := r.List()
	for i := range all {
		if n := r.failed.count(all[i].Name); n >= maxFailed {
			err = fmt.Errorf("%s%s: %d jobs of it are in failed/", via, all[i].Name, n)
		}
	}
	r.health.SetTrouble("allowed-stopped", "a rule in allowed/ has stopped, because too many of its "+
		"jobs are in failed/: run fromcache rules ls", err)
}
