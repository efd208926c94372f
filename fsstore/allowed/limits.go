package allowed

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Limits are what a standing approval asks of a download. The zero value asks nothing.
type Limits struct {
	Rule   string // the name of the rule that approved it; "": a person did
	Digest bool   // the origin must name a digest
}

// A RefusalError says why a rule does not allow what it had approved, and what to do.
type RefusalError struct {
	Why   string
	Mends bool // it is over when the file is mended
}

func (e *RefusalError) Error() string { return e.Why }

func refuse(name, why string) error {
	return &RefusalError{Why: fmt.Sprintf("approved by %s%s, which does not allow it: %s; "+
		"to approve it yourself, retry it", via, name, why)}
}

// standing returns a rule by which a download goes on. Its error is a *RefusalError where the rule is
// gone, is being written, or has a line that can't be taken, which may be the one that narrows it.
func (r *Rules) standing(name string) (Rule, error) {
	rule, err := r.Rule(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rule, refuse(name, "the file is gone")
	case err != nil:
		return rule, err
	case rule.Flaw != "":
		return rule, &RefusalError{Mends: true, Why: fmt.Sprintf(
			"approved by %s%s, which allows nothing until it is mended: %s", via, name, rule.Flaw)}
	case !r.isQuiet(name):
		return rule, &RefusalError{Mends: true,
			Why: "approved by " + via + name + ", which is being written"}
	}
	return rule, nil
}

// LimitsOf returns the limits of a job for u. The rule is read at this moment, because an operator
// who narrows it means what waits in queue/ as well. Its error is a *RefusalError where the rule
// allows the job no more, or not before it is mended.
func (r *Rules) LimitsOf(j *job.Job, u key.URL) (Limits, error) {
	name := ApprovedBy(j)
	if name == "" {
		return Limits{}, nil
	}
	rule, err := r.standing(name)
	if err != nil {
		return Limits{}, err
	}
	if why := rule.WhyNot(u, time.Now()); why != "" {
		return Limits{}, refuse(name, why)
	}
	return Limits{Rule: name, Digest: rule.Digest}, nil
}

// CheckSize returns a *RefusalError where a job of these limits and this key may not fetch n bytes:
// by the rule's max-size, or by its budget. What rules fetched counts, and what they fetch now, by
// whichever server. Downloads that begin in the same moment may exceed the budget together.
func (r *Rules) CheckSize(l Limits, key string, n int64) error {
	if l.Rule == "" {
		return nil
	}
	rule, err := r.standing(l.Rule)
	switch {
	case err != nil:
		return err
	case rule.MaxSize > 0 && n > rule.MaxSize:
		return refuse(l.Rule, fmt.Sprintf("it has %s, and max-size is %s", inWords(n), inWords(rule.MaxSize)))
	case rule.Budget == 0:
		return nil
	}
	spent, err := r.spent(&rule, key, 0)
	if err == nil && spent+n > rule.Budget {
		return refuse(l.Rule, fmt.Sprintf("it has %s, and of the %s %s are left", inWords(n),
			rule.budgetInWords(), inWords(rule.Budget-spent)))
	}
	return err
}

func (r *Rule) budgetInWords() string {
	return fmt.Sprintf("budget of %s in %d days", inWords(r.Budget), r.Days())
}

// Use is what a rule has taken, as far as the jobs are kept.
type Use struct {
	Jobs   int   // in done/
	Bytes  int64 // of these
	Failed int   // jobs in failed/
	Spent  int64 // bytes of the budget, with what is being fetched; 0 where there is no budget
}

// UseOf returns what a rule has taken.
func (r *Rules) UseOf(rule *Rule) (u Use, err error) {
	u.Jobs, u.Bytes = r.done.sum(rule.Name, time.Time{}, 0)
	u.Failed = r.failed.count(rule.Name)
	if rule.Budget > 0 {
		u.Spent, err = r.spent(rule, "", 0)
	}
	return u, err
}

// spent returns the bytes that were fetched under a rule in the Span of its budget, and those that
// are being fetched, save for the job of the key but. What ended less than old ago may be missing.
func (r *Rules) spent(rule *Rule, but string, old time.Duration) (int64, error) {
	_, sum := r.done.sum(rule.Name, time.Now().Add(-rule.Span), old)
	running, err := r.spool.Jobs(tree.Active)
	for i := range running {
		if j := &running[i]; j.Key != but && ApprovedBy(&j.Job) == rule.Name {
			sum += max(j.Total, j.Part)
		}
	}
	return sum, err
}
