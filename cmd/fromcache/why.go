package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// whyRow is a report as programs read it.
type whyRow struct {
	*fsstore.Report
	Jobs []jobRow `json:"jobs,omitempty"`
}

func (a *app) whyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "why URL",
		Short: "Say what is known of URL: key, rule, state, who and when",
		Long: `Say what is known of URL: its key, what the rule of keys made of its query, whether it is held, which
directories have a job of it, and the job's log.`,
		Args:              operands(1, 1),
		ValidArgsFunction: noFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return a.why(args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, for programs")
	return c
}

func (a *app) why(url string, asJSON bool) error {
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return err
	}
	r, err := s.Why(url)
	if err != nil {
		return fmt.Errorf("%s: %w", key.Redact(url), err)
	}
	row := whyRow{Report: r}
	for i := range r.Jobs {
		row.Jobs = append(row.Jobs, describe(&r.Jobs[i]))
	}
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(row)
	}
	return a.explain(r)
}

func (a *app) explain(r *fsstore.Report) error {
	w := columns(a.stdout)
	fmt.Fprintf(w, "url\t%s\nkey\t%s\nquery\t%s\n", key.Redact(r.URL), r.Key, printable(r.Rule))
	fmt.Fprintf(w, "state\t%s\n", states(r))
	for _, hint := range r.Hints {
		fmt.Fprintf(w, "note\t%s\n", printable(hint))
	}
	if r.Denied != "" {
		fmt.Fprintf(w, "denied by\tdenied/%s\n", printable(r.Denied))
	}
	if r.Artifact != nil {
		explainArtifact(w, r.Artifact, r.Hits)
	}
	for i := range r.Jobs {
		explainJob(w, &r.Jobs[i])
	}
	return w.Flush()
}

// states is where the URL is: held or not, and the directories that have a job of it.
func states(r *fsstore.Report) string {
	words := []string{"not held"}
	if r.Artifact != nil {
		words[0] = "held"
	}
	for i := range r.Jobs {
		words = append(words, string(r.Jobs[i].State))
	}
	words = slices.Compact(words) // a key may have several jobs in done/
	if r.Artifact == nil && r.Broken == "" && len(r.Jobs) == 0 {
		words = append(words, "never asked for")
	}
	line := strings.Join(words, ", ")
	if r.Broken != "" {
		line += ": " + r.Broken
	}
	return line
}

func explainArtifact(w io.Writer, m *fsstore.Artifact, hits int64) {
	fmt.Fprintf(w, "size\t%s (%d bytes)\nsha256\t%s\nfetched\t%s\n", bytes(m.Size), m.Size, m.SHA256, when(m.Fetched))
	if m.Approved != nil {
		fmt.Fprintf(w, "approved\t%s, %s\n", printable(strings.TrimSpace(m.Approved.Via+" "+m.Approved.Addr)), when(m.Approved.Time))
	}
	for _, u := range m.Redirects {
		fmt.Fprintf(w, "redirect\t%s\n", key.Redact(u))
	}
	if m.FinalURL != "" {
		fmt.Fprintf(w, "final url\t%s\n", key.Redact(m.FinalURL))
	}
	fmt.Fprintf(w, "hits\t%d\nmisses before\t%s\n", hits, times(m.Misses, m.AtLeast))
	for _, v := range m.History {
		fmt.Fprintf(w, "earlier\t%s  %s, %s\n", v.SHA256, bytes(v.Size), when(v.Fetched))
	}
}

// explainJob shows the newest of a job's log as it stands in the file, redacted.
func explainJob(w io.Writer, j *fsstore.JobFile) {
	fmt.Fprintf(w, "%s/\t%s\n", j.State, printable(j.Name))
	if j.Note != "" {
		fmt.Fprintf(w, "\t%s\n", key.RedactText(j.Note))
	}
	explainVariants(w, j)
	const newestLines = 20
	events := j.Job.Events
	if n := len(events) - newestLines; n > 0 {
		fmt.Fprintf(w, "\t… %d earlier lines\n", n)
		events = events[n:]
	}
	for i := range events {
		fmt.Fprintf(w, "\t%s\n", printable(key.RedactText(strings.TrimSpace(events[i].Line()))))
	}
}
