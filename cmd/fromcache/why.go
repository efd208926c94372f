package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
)

func whyCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "why URL",
		Short: "Say what is known of URL: key, rule, state, who and when",
		Long: `Say what is known of URL: its key, what the rule of keys made of its query, whether it is held and who
or which file in allowed/ approved it, which of these would, which directories have a job of it, and the
job's log.`,
		Args:              operands(1, 1),
		ValidArgsFunction: noFiles,
		RunE:              func(c *cobra.Command, args []string) error { return a.why(c.Context(), args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, for programs")
	return c
}

func (a *app) why(ctx context.Context, url string, asJSON bool) error {
	c, err := a.openCache()
	if err != nil {
		return err
	}
	w, err := c.Why(ctx, url)
	if err != nil {
		return fmt.Errorf("%s: %w", key.Redact(url), err)
	}
	if asJSON {
		return printJSON(a.stdout, w)
	}
	return explain(a.stdout, &w)
}

func explain(out io.Writer, r *operate.Why) error {
	w := columns(out)
	fmt.Fprintf(w, "url\t%s\nkey\t%s\nquery\t%s\n", printable(r.URL), printable(r.Key), printable(r.Rule))
	fmt.Fprintf(w, "state\t%s\n", printable(states(r)))
	for _, hint := range r.Hints {
		fmt.Fprintf(w, "note\t%s\n", printable(hint))
	}
	if r.Denied != "" {
		fmt.Fprintf(w, "denied by\tdenied/%s\n", printable(r.Denied))
	}
	if r.Allowed != "" {
		fmt.Fprintf(w, "allowed by\t%s\n", printable(r.Allowed))
	}
	if r.Artifact != nil {
		explainArtifact(w, r.Artifact)
	}
	for i := range r.Jobs {
		explainJob(w, &r.Jobs[i])
	}
	return w.Flush()
}

// states is where the URL is: held or not, and the directories that have a job of it.
func states(r *operate.Why) string {
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

func explainArtifact(w io.Writer, m *operate.Artifact) {
	fmt.Fprintf(w, "size\t%s (%d bytes)\nsha256\t%s\nfetched\t%s\n", bytes(m.Size), m.Size, printable(m.SHA256), when(m.Fetched))
	explainApproval(w, "approved", m.Approved)
	for _, u := range m.Via {
		fmt.Fprintf(w, "came from\tfromcache %s\n", printable(u))
	}
	explainApproval(w, "approved there", m.UpstreamApproved)
	for _, u := range m.Redirects {
		fmt.Fprintf(w, "redirect\t%s\n", printable(u))
	}
	if m.FinalURL != "" {
		fmt.Fprintf(w, "final url\t%s\n", printable(m.FinalURL))
	}
	fmt.Fprintf(w, "hits\t%d\nmisses before\t%s\n", m.Hits, times(m.Misses, m.AtLeast))
	if m.OriginDigest != "" {
		fmt.Fprintf(w, "origin's digest\t%s\n", printable(m.OriginDigest))
	}
	for _, v := range m.History {
		fmt.Fprintf(w, "earlier\t%s  %s, %s\n", printable(v.SHA256), bytes(v.Size), when(v.Fetched))
	}
}

func explainApproval(w io.Writer, what string, by *fsstore.Approval) {
	if by != nil {
		fmt.Fprintf(w, "%s\t%s, %s\n", what, printable(strings.TrimSpace(by.Via+" "+by.Addr)), when(by.Time))
	}
}

// explainJob shows the newest of a job's log as it stands in the file, redacted.
func explainJob(w io.Writer, j *operate.Job) {
	fmt.Fprintf(w, "%s/\t%s\n", printable(string(j.State)), printable(j.Name))
	if j.Note != "" {
		fmt.Fprintf(w, "\t%s\n", printable(j.Note))
	}
	explainVariants(w, j)
	if j.Earlier > 0 {
		fmt.Fprintf(w, "\t… %d earlier lines\n", j.Earlier)
	}
	for _, line := range j.Log {
		fmt.Fprintf(w, "\t%s\n", printable(line))
	}
}
