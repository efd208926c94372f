package show

import (
	"net/url"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Found is what a search over everything has found.
type Found struct {
	Q                       string
	Misses                  Misses
	Jobs                    []JobRow
	Artifacts               Artifacts
	MoreMisses, MoreJobs    int
	MoreArtifacts           int
	JobsAtLeast             bool   // more jobs may match than were counted
	AllMisses, AllArtifacts string // where the rest is
}

const (
	// foundRows is how many rows of a kind a search shows.
	foundRows = 10
	// mostJobs is how many jobs that match are counted, because the URL of each is redacted before it
	// counts as a match.
	mostJobs = 500
)

// Nothing reports whether there was a search that has found nothing.
func (f *Found) Nothing() bool {
	return f.Q != "" && len(f.Misses.Rows)+len(f.Jobs)+len(f.Artifacts.Rows) == 0
}

// Search finds misses, jobs and artifacts by a part of a URL or of a key, by the beginning of a
// digest, and by what asked: a client's address or a part of its tool. Who asked is known of misses
// and of jobs that wait or run.
func (m *Model) Search(q string) (*Found, error) {
	f := &Found{Q: strings.TrimSpace(q)}
	if f.Q == "" {
		return f, nil
	}
	f.Misses = m.Misses(MissQuery{Q: f.Q, Sort: "asked"}, 1, foundRows)
	f.MoreMisses = f.Misses.Pager.Total - len(f.Misses.Rows)
	v := url.Values{"q": {f.Q}}
	f.AllMisses, f.AllArtifacts = "misses?"+v.Encode(), "artifacts?"+v.Encode()
	var err error
	if f.Artifacts, err = m.Artifacts(v, 1, foundRows); err != nil {
		return nil, err
	}
	f.MoreArtifacts = f.Artifacts.Pager.Total - len(f.Artifacts.Rows)
	f.findJobs(m)
	return f, nil
}

func (f *Found) findJobs(m *Model) {
	text, n := strings.ToLower(f.Q), 0
	for i := range directories {
		jobs := m.jobs(directories[i].state)
		for i := range jobs {
			if !jobHas(&jobs[i], text) {
				continue
			}
			if n == mostJobs {
				f.JobsAtLeast = true
				return
			}
			if n++; n <= foundRows {
				f.Jobs = append(f.Jobs, m.jobRow(&jobs[i]))
			} else {
				f.MoreJobs++
			}
		}
	}
}

// jobHas reports whether a job matches text, which is in lower case. What a page does not show of a
// URL is no match, because a search could guess a credential by its letters.
func jobHas(j *fsstore.JobFile, text string) bool {
	if containsFold(j.Job.URL, text) && containsFold(key.Redact(j.Job.URL), text) || containsFold(j.Name, text) {
		return true
	}
	if j.Asked != nil && askedBy(j, text) {
		return true
	}
	done, _ := j.Job.Newest(job.Done)
	return len(text) >= shortestDigest && (strings.HasPrefix(j.Job.Sha256, text) || strings.HasPrefix(done.Sha256, text))
}

// shortestDigest is how many digits are taken for the beginning of a digest.
const shortestDigest = 6
