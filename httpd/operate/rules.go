package operate

import (
	"context"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// Rule is a standing approval: a file in allowed/, and what it has taken.
type Rule struct {
	Name    string     `json:"name" doc:"Of the file in allowed/: a host, *.DOMAIN or a key"`
	Paths   []string   `json:"paths,omitempty" doc:"Patterns of paths that it allows; none: all"`
	MaxSize int64      `json:"max_size,omitempty" doc:"Bytes that one artifact may have; absent: any number"`
	Budget  int64      `json:"budget,omitempty" doc:"Bytes that it may fetch in budget_days; absent: any number"`
	Days    int        `json:"budget_days,omitempty"`
	Until   *time.Time `json:"until,omitempty" doc:"When it ends"`
	Digest  bool       `json:"digest_required,omitempty" doc:"The origin must name a digest"`
	Flaw    string     `json:"flaw,omitempty" doc:"Why the file allows nothing, and what to do"`
	Stopped string     `json:"stopped,omitempty" doc:"Why the rule approves nothing just now"`
	Warning string     `json:"warning,omitempty" doc:"What to know of what it allows"`
	Jobs    int        `json:"jobs" doc:"How many jobs in done/ it approved"`
	Bytes   int64      `json:"bytes" doc:"What these fetched"`
	Failed  int        `json:"failed" doc:"How many jobs in failed/ it approved"`
	Spent   int64      `json:"spent" doc:"Bytes of the budget, with what is being fetched"`
}

// RuleText is a rule that is tried: what its file is called and what it says.
type RuleText struct {
	Name string `json:"name" minLength:"1" maxLength:"255"`
	Text string `json:"text" maxLength:"65536" doc:"Lines, each with its end"`
}

// Trial is what a rule would have done with the jobs that are kept.
type Trial struct {
	Rule     Rule       `json:"rule"`
	Agreed   int        `json:"agreed" doc:"Artifacts that a person approved, and that it would have approved"`
	Bytes    int64      `json:"bytes" doc:"Of these"`
	TooLarge int        `json:"too_large" doc:"Further ones that are larger than its max-size"`
	Refused  int        `json:"refused" doc:"URLs that a person cancelled or denied, and that it would have approved"`
	Against  []Decision `json:"against,omitempty" doc:"The newest of those, at most 100"`
}

// Decision is what a person decided about a URL.
type Decision struct {
	URL string `json:"url" doc:"Redacted"`
	Job string `json:"job" doc:"Where the job is, as in denied/KEY"`
}

// Suggestion is a rule that would have decided as people did.
type Suggestion struct {
	Name     string   `json:"name"`
	Lines    []string `json:"lines"`
	Approved int      `json:"approved" doc:"Artifacts that people approved, without exception"`
	Bytes    int64    `json:"bytes" doc:"Of these"`
}

// maxAgainst is how many disagreements a Trial names.
const maxAgainst = 100

// Rules returns every rule, by name.
func (l *Local) Rules(context.Context) ([]Rule, error) {
	all, err := l.Store.Allowed.List()
	list := []Rule{}
	for i := range all {
		r, err := l.rule(&all[i])
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, err
}

func (l *Local) rule(r *fsstore.AllowedRule) (Rule, error) {
	use, err := l.Store.Allowed.UseOf(r)
	return Rule{
		Name: r.Name, Paths: r.Paths, MaxSize: r.MaxSize, Budget: r.Budget, Days: r.Days(),
		Until: timeOrNil(r.Until), Digest: r.Digest, Flaw: r.Flaw, Warning: r.Warning(),
		Stopped: l.Store.Allowed.WhyStopped(r),
		Jobs:    use.Jobs, Bytes: use.Bytes, Failed: use.Failed, Spent: use.Spent,
	}, err
}

// AddRule makes a rule.
func (l *Local) AddRule(_ context.Context, name string, lines []string) error {
	return l.Store.Allowed.Add(name, lines, l.By)
}

// RemoveRule removes a rule.
func (l *Local) RemoveRule(_ context.Context, name string) error {
	return l.Store.Allowed.Remove(name, l.By)
}

// TryRules says what rules would have done; none given: those of allowed/.
func (l *Local) TryRules(_ context.Context, texts []RuleText) ([]Trial, error) {
	rules, err := l.parseRules(texts)
	if err != nil {
		return nil, err
	}
	trials, err := l.Store.Allowed.Try(rules)
	list := []Trial{}
	for i := range trials {
		t := &trials[i]
		r, err := l.rule(&t.Rule)
		if err != nil {
			return nil, err
		}
		row := Trial{
			Rule: r, Agreed: len(t.Agreed), Bytes: t.Bytes, TooLarge: len(t.Large), Refused: len(t.Against),
		}
		for _, d := range slices.Backward(t.Against) {
			if len(row.Against) < maxAgainst {
				row.Against = append(row.Against, Decision{d.URL, d.Job})
			}
		}
		list = append(list, row)
	}
	return list, err
}

func (l *Local) parseRules(texts []RuleText) ([]fsstore.AllowedRule, error) {
	if len(texts) == 0 {
		return l.Store.Allowed.List()
	}
	var rules []fsstore.AllowedRule
	for _, t := range texts {
		rules = append(rules, fsstore.ParseRule(t.Name, t.Text))
	}
	return rules, nil
}

// SuggestRules proposes rules that would have decided as people did.
func (l *Local) SuggestRules(context.Context) ([]Suggestion, error) {
	all, err := l.Store.Allowed.Suggest()
	list := []Suggestion{}
	for _, s := range all {
		list = append(list, Suggestion{s.Host, s.Lines, s.Approved, s.Bytes})
	}
	return list, err
}

// Lines are the lines of the rule's file, in a form of their own.
func (r *Rule) Lines() string {
	var words []string
	for _, p := range r.Paths {
		words = append(words, "path "+key.RedactText(p))
	}
	if r.Digest {
		words = append(words, "digest required")
	}
	return strings.Join(words, ", ")
}
