package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	neturl "net/url"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// url prints where the cache serves an origin's URL: for scripts that have no shim.
func (a *app) url(f *flag.FlagSet) func(context.Context, []string) error {
	server := f.String("server", "", "`URL` of the cache-host (default $FROMCACHE_SERVER, else http://localhost:3000)")
	return func(_ context.Context, operands []string) error {
		raw, err := key.FetchURL(operands[0])
		if err != nil {
			return fmt.Errorf("%s: %w", key.Redact(operands[0]), err)
		}
		u, err := key.Parse(raw, key.Keep)
		if err != nil {
			return err
		}
		base, err := a.cacheHost(*server)
		if err != nil {
			return err
		}
		name := u.Basename()
		if _, err := neturl.PathUnescape(name); err != nil { // a % that encodes nothing, which no server takes
			name = neturl.PathEscape(name)
		}
		_, err = fmt.Fprintf(a.stdout, "%s/b/%s/%s\n", base, base64.RawURLEncoding.EncodeToString([]byte(raw)), name)
		return err
	}
}

// cacheHost is the address of the cache-host, as the shim reads it: of several the first, and http where it has no scheme.
func (a *app) cacheHost(said string) (string, error) {
	all := splitList(cmp.Or(said, a.getenv("FROMCACHE_SERVER")))
	if len(all) == 0 {
		return fmt.Sprintf("http://localhost:%d", defaultPort), nil
	}
	base := strings.TrimRight(all[0], "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	if _, err := key.Parse(base+"/", key.Keep); err != nil {
		return "", usageError{err: fmt.Errorf("the cache-host %s: %w", key.Redact(all[0]), err)}
	}
	return base, nil
}

// whyRow is a report as programs read it.
type whyRow struct {
	*fsstore.Report
	Jobs []jobRow `json:"jobs,omitempty"`
}

func (a *app) why(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	asJSON := f.Bool("json", false, "print a JSON object, for programs")
	return func(_ context.Context, operands []string) error {
		s, err := dir.open(fsstore.Options{})
		if err != nil {
			return err
		}
		r, err := s.Why(operands[0])
		if err != nil {
			return fmt.Errorf("%s: %w", key.Redact(operands[0]), err)
		}
		row := whyRow{Report: r}
		for i := range r.Jobs {
			row.Jobs = append(row.Jobs, describe(&r.Jobs[i]))
		}
		if *asJSON {
			return json.NewEncoder(a.stdout).Encode(row)
		}
		return a.explain(r)
	}
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
