package operate

import (
	"context"

	"fromcache/fsstore/key"
)

// Why is what is known of one URL.
type Why struct {
	URL      string    `json:"url" doc:"Normalised, redacted"`
	Key      string    `json:"key"`
	Rule     string    `json:"rule" doc:"What became of the query, in words"`
	Artifact *Artifact `json:"artifact,omitempty" doc:"What is held"`
	Hints    []string  `json:"hints,omitempty" doc:"What to know before it is approved"`
	Broken   string    `json:"broken,omitempty" doc:"Why it is not held although it has a meta, or had one, and what to do"`
	Hits     int64     `json:"hits"`
	Jobs     []Job     `json:"jobs,omitempty"`
	Denied   string    `json:"denied,omitempty" doc:"The name in denied/ that speaks for it"`
	Allowed  string    `json:"allowed,omitempty" doc:"Which rule in allowed/ approves it, or why those that are about it do not"`
}

// Why tells all that is known of a URL.
func (l *Local) Why(_ context.Context, url string) (Why, error) {
	r, err := l.Store.Why(url)
	if err != nil {
		return Why{}, err
	}
	w := Why{URL: key.Redact(r.URL), Key: r.Key, Rule: r.Rule, Broken: r.Broken, Hits: r.Hits, Denied: r.Denied,
		Allowed: key.RedactText(r.Allowed)}
	for _, hint := range r.Hints {
		w.Hints = append(w.Hints, key.RedactText(hint))
	}
	if r.Artifact != nil {
		a := Artifact{*r.Artifact, r.Hits}
		w.Artifact = &a
	}
	for i := range r.Jobs {
		j := Describe(&r.Jobs[i])
		j.addEvents(r.Jobs[i].Job.Events)
		w.Jobs = append(w.Jobs, j)
	}
	return w, nil
}
