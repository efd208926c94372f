package allowed

import (
	"slices"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Decision is what a person decided about one URL.
type Decision struct {
	URL      string // redacted
	Job      string // path in the data directory
	Approved bool   // else it was cancelled or denied
	Bytes    int64  // fetched; 0 where that is not known
	at       time.Time
	url      key.URL
}

// decisions reads what people decided: of done/ and failed/ what a person approved, of cancelled/ and
// denied/ what a person refused.
func (r *Rules) decisions() (all []Decision, err error) {
	for _, st := range []tree.State{tree.Done, tree.Failed, tree.Cancelled, tree.Denied} {
		jobs, err := r.spool.Jobs(st)
		if err != nil {
			return nil, err
		}
		for i := range jobs {
			if d, ok := decisionOf(&jobs[i]); ok {
				all = append(all, d)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Decision) int { return a.at.Compare(b.at) })
	return all, nil
}

// decisionOf is what a person decided about a job. A rule's own approvals and what was carried in
// tell nothing of a person's mind.
func decisionOf(f *spool.JobFile) (Decision, bool) {
	j := &f.Job
	u, err := key.Parse(j.FetchURL(), key.Auto)
	if err != nil {
		return Decision{}, false
	}
	d := Decision{URL: key.Redact(j.FetchURL()), Job: string(f.State) + "/" + f.Name, url: u}
	d.at, _ = spool.LastEventTime(j)
	switch f.State {
	case tree.Cancelled, tree.Denied:
		return d, true
	}
	end := job.Done
	if f.State == tree.Failed {
		end = job.Failed
	}
	approval, took := j.ApprovalOrRetry(), costOf(j, end)
	if approval.Via == "" || approval.Via == "put" || took.rule != "" {
		return d, false
	}
	d.Approved, d.Bytes = true, took.bytes
	return d, true
}

// Trial is what one rule would have done with the history.
type Trial struct {
	Rule    Rule
	Agreed  []Decision // it would have approved what a person approved
	Against []Decision // it would have approved what a person refused
	Large   []Decision // approved by a person, and larger than its max-size
	Bytes   int64      // of Agreed
}

// Try replays the history against rules, as if they had been there from the beginning. Budgets and
// until say nothing of the past and are not looked at.
func (r *Rules) Try(rules []Rule) ([]Trial, error) {
	r.replay.Lock()
	defer r.replay.Unlock()
	history, err := r.decisions()
	if err != nil {
		return nil, err
	}
	trials := make([]Trial, len(rules))
	for i, rule := range rules {
		rule.Until = time.Time{}
		t := &trials[i]
		t.Rule = rules[i]
		for _, d := range history {
			t.count(&rule, d)
		}
	}
	return trials, nil
}

func (t *Trial) count(rule *Rule, d Decision) {
	if !slices.Contains(about(d.url), rule.Name) || rule.WhyNot(d.url, d.at) != "" {
		return
	}
	switch {
	case !d.Approved:
		t.Against = append(t.Against, d)
	case rule.MaxSize > 0 && d.Bytes > rule.MaxSize:
		t.Large = append(t.Large, d)
	default:
		t.Agreed = append(t.Agreed, d)
		t.Bytes += d.Bytes
	}
}
