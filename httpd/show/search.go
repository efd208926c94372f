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
	MoreByClient            int    // of ByClient, beside those in Artifacts
	ByClient                int    // artifacts that were found by who asked for them
	JobsAtLeast             bool   // more jobs may match than were counted
	AllMisses, AllArtifacts string // where the rest is
}

const (
	// foundRows is how many rows of a kind a search shows.
	foundRows = 10
	// mostJobs is how many jobs that match are counted, because the URL of each is redacted before it
	// counts as a match, and each may name an artifact.
	mostJobs = 500
)

// AllJobs is how many jobs were found.
func (f *Found) AllJobs() int { return len(f.Jobs) + f.MoreJobs }

// AllFound is how many artifacts were found.
func (f *Found) AllFound() int { return f.Artifacts.Pager.Total + f.ByClient }

// TooMany reports whether rows are left out.
func (f *Found) TooMany() bool {
	return f.MoreMisses+f.MoreJobs+f.MoreArtifacts+f.MoreByClient > 0
}

// Nothing reports whether there was a search that has found nothing.
func (f *Found) Nothing() bool {
	return f.Q != "" && len(f.Misses.Rows)+len(f.Jobs)+len(f.Artifacts.Rows) == 0
}

// Search finds misses, jobs and artifacts by a part of a URL or of a key, by the beginning of a
// digest, and by what asked: a client's address or a part of its tool. Who asked for an artifact is
// known while its job is in done/.
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
	f.addByClient(m, f.findJobs(m))
	return f, nil
}

// findJobs returns the keys of the jobs that were done for a client that matches.
func (f *Found) findJobs(m *Model) (keys []string) {
	text, n := strings.ToLower(f.Q), 0
	for i := range directories {
		if directories[i].state == fsstore.Done {
			var ended int
			ended, keys = f.findEnded(m, text, n)
			n += ended
			continue
		}
		jobs := m.jobs(directories[i].state)
		for i := range jobs {
			if !jobHas(&jobs[i], text) {
				continue
			}
			if n >= mostJobs {
				f.JobsAtLeast = true
				return keys
			}
			if n++; n <= foundRows {
				f.Jobs = append(f.Jobs, m.jobRow(&jobs[i]))
			} else {
				f.MoreJobs++
			}
		}
	}
	return keys
}

// addByClient adds the artifacts of these keys, those that are found by their own text left out.
func (f *Found) addByClient(m *Model, keys []string) {
	text := strings.ToLower(f.Q)
	for _, k := range keys {
		a, held := m.view.Artifact(k)
		if !held || containsFold(a.URL, text) || containsFold(a.Key, text) {
			continue
		}
		f.ByClient++
		if len(f.Artifacts.Rows) < foundRows {
			f.Artifacts.Rows = append(f.Artifacts.Rows, m.artifactRow(&a))
		} else {
			f.MoreByClient++
		}
	}
}

// findEnded finds jobs of done/. It returns how many there are, and the keys of those that were done
// for a client that matches.
func (f *Found) findEnded(m *Model, text string, before int) (total int, keys []string) {
	list, keys, total := m.view.FindEnded(text, max(0, foundRows-before), mostJobs)
	for i := range list {
		if jobHas(&list[i], text) {
			f.Jobs = append(f.Jobs, m.jobRow(&list[i]))
		} else {
			total-- // its file has changed, or a digest differs behind what is in memory
		}
	}
	f.MoreJobs += max(0, total-len(list))
	return total, keys
}

// jobHas reports whether a job matches text, which is in lower case. What a page does not show of a
// URL is no match, because a search could guess a credential by its letters.
func jobHas(j *fsstore.JobFile, text string) bool {
	if containsFold(j.Job.URL, text) && containsFold(key.Redact(j.Job.URL), text) || containsFold(j.Name, text) {
		return true
	}
	if j.Asked != nil && askedBy(j, text) || j.AskedFor(text) {
		return true
	}
	done, _ := j.Job.Newest(job.Done)
	return beginsDigest(j.Job.Sha256, text) || beginsDigest(done.Sha256, text)
}

func beginsDigest(digest, text string) bool {
	return len(text) >= shortestDigest && strings.HasPrefix(digest, text)
}

// shortestDigest is how many digits are taken for the beginning of a digest.
const shortestDigest = 6
