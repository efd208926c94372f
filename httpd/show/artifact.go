package show

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// Artifact is all that is known of one artifact.
type Artifact struct {
	*fsstore.Artifact
	Row           ArtifactRow
	Address, Curl string // in the cache, and the command that gets it
	Final         string
	Redirects     []string
	Headers       [][2]string
	Notes         []string
	Approved      string
	Via           []string // fromcaches through which it came
	ApprovedThere string
	Jobs          []JobRow
	Acts          []templates.Action
	Lost          string    // why it is not held, and what is done about it
	Host          string    // of the origin
	Type          string    // as the origin said; "": it did not
	Carried       bool      // an operator carried it in
	Scrubbed      time.Time // when the last scrub of all blobs ended; zero: none has since it was fetched
	Versions      []version // newest first
	Hidden        bool      // the URL held a credential, which is kept nowhere
	Beside        *Beside   // nil: no digests were looked for
}

// version is what was held from one time on.
type version struct {
	fsstore.Version
	Now  bool
	Part string // of the largest, in per cent
}

// Artifact returns what is known of the artifact of a key. base is the address of this server,
// without a slash at its end.
func (m *Model) Artifact(k, base string) (*Artifact, error) {
	a, err := m.store.Artifact(k)
	if err != nil {
		return nil, err
	}
	row := m.artifactRow(&fsstore.ArtifactRow{
		Key: a.Key, URL: a.URL, SHA256: a.SHA256, Size: a.Size, Fetched: a.Fetched,
		Misses: a.Misses, AtLeast: a.AtLeast, Hits: m.store.Hits(a.Key),
	})
	p := &Artifact{
		Artifact: a,
		Row:      row,
		Final:    URL(a.FinalURL, ""),
		Lost:     m.store.Lost(a),
		Hidden:   strings.Contains(a.URL, "REDACTED"),
	}
	p.Address = base + cachePath(a.URL)
	if p.Hidden {
		p.Address = base + "/by-hash/sha256/" + a.SHA256
	}
	p.Curl = "curl -fLO '" + strings.ReplaceAll(p.Address, "'", "%27") + "'"
	for _, n := range a.Notes {
		p.Notes = append(p.Notes, Cut(key.RedactText(n), 600))
	}
	for _, u := range a.Redirects {
		p.Redirects = append(p.Redirects, URL(u, ""))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		p.Headers = append(p.Headers, [2]string{name, Cut(key.RedactText(a.Header[name]), 600)})
	}
	for _, u := range a.Via {
		p.Via = append(p.Via, URL(u, ""))
	}
	p.Approved, p.ApprovedThere = approver(a.Approved), approver(a.UpstreamApproved)
	p.Host, p.Type = HostOf(a.URL), Cut(key.RedactText(a.Header["Content-Type"]), 100)
	p.Carried = a.Approved != nil && a.Approved.Via == fsstore.ViaPut
	if last := m.store.Scrubbed().Last; last.After(a.Fetched) {
		p.Scrubbed = last
	}
	p.Versions = versionsOf(a)
	p.Acts = []templates.Action{m.againAction(a.Key), action("digests", "quiet", "key", a.Key), evictAction(a.Key)}
	if p.Beside = m.origins.besideOf(a.Key); p.Beside != nil {
		p.Beside.Held = a.SHA256
	}
	m.jobsOf(p)
	return p, nil
}

// versionsOf returns what is held and what was held before.
func versionsOf(a *fsstore.Artifact) []version {
	list := []version{{Version: fsstore.Version{SHA256: a.SHA256, Size: a.Size, Fetched: a.Fetched}, Now: true}}
	most := max(1, a.Size)
	for _, v := range a.History {
		list = append(list, version{Version: v})
		most = max(most, v.Size)
	}
	for i := range list {
		list[i].Part = percent(float64(list[i].Size) / float64(most) * 100)
	}
	return list
}

// approver says who approved, or "".
func approver(by *fsstore.Approval) string {
	if by == nil {
		return ""
	}
	return strings.TrimSpace(by.Via + " " + by.Addr)
}

// againAction is the button that fetches an artifact again. It names the file of its job where
// that is still in done/.
func (m *Model) againAction(k string) templates.Action {
	again := first(action("again", "quiet", "key", k))
	if _, err := m.store.JobFile(fsstore.Done, k+".job"); err == nil {
		again.File = "done/" + k + ".job"
	}
	return again
}

// mostGaps is after how many names without a file no further number is looked for.
const mostGaps = 8

// jobsOf finds the key's files in the spool, the newest of each directory first: KEY.job, then those
// with a number, which count upwards.
func (m *Model) jobsOf(p *Artifact) {
	for _, st := range []fsstore.State{fsstore.Queue, fsstore.Failed, fsstore.Done, fsstore.Cancelled} {
		var list []JobRow
		for n, gaps := 1, 0; gaps < mostGaps; n++ {
			name := p.Key + ".job"
			if n > 1 {
				name = p.Key + "." + strconv.Itoa(n) + ".job"
			}
			j, err := m.store.JobFile(st, name)
			if err != nil {
				gaps++
				continue
			}
			gaps = 0
			list = append(list, m.jobRow(&j))
		}
		if len(list) > 1 {
			slices.Reverse(list[1:])
		}
		p.Jobs = append(p.Jobs, list...)
	}
	for _, j := range m.view.Jobs(fsstore.Active) {
		if j.Key == p.Key {
			p.Jobs = append(p.Jobs, m.jobRow(&j))
		}
	}
}

// cachePath returns the path at which the cache serves a URL. It ends in the name
// under which tools save it.
func cachePath(raw string) string {
	p := "/b/" + base64.RawURLEncoding.EncodeToString([]byte(raw))
	u, err := key.Parse(raw, key.Auto)
	if err != nil || u.Basename() == "" {
		return p
	}
	return p + "/" + url.PathEscape(u.Basename())
}

// EvictQuestion returns what is asked before an artifact is evicted.
func EvictQuestion() string { return templates.Word("evict.ask") }

func evictAction(k string) templates.Action {
	a := action("evict", "quiet warn", "key", k)
	a.Ask = EvictQuestion()
	return a
}
