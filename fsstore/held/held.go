// Package held owns what the cache holds: blobs/<sha256>, the bytes, and meta/<key>.json, one
// artifact each. An artifact is held if its meta exists, was fetched for the very URL that is asked
// for, and its blob is there with the size that meta says. Anything else is a miss.
//
// The rename of meta/<key>.json is the commit of an artifact; see Cache.WriteMeta.
package held

import (
	"errors"
	"slices"
	"sync"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// Cache is what is held: blobs/ and meta/.
type Cache struct {
	tree    *tree.Tree
	health  *health.Monitor
	queries *queries.Rules
	metas   tree.Mirror[*Artifact]
	index   index

	withheld sync.Map // digests of blobs that can't be read
}

// New returns the Cache of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules) *Cache {
	s := &Cache{tree: t, health: h, queries: q}
	s.metas = tree.Mirror[*Artifact]{Dir: t.Path("meta", ""), Ours: IsMetaName, MaxRows: maxCached, Load: s.ReadArtifact}
	return s
}

// Artifact is what is held for one URL. It is immutable; while its meta file
// does not change, Lookup returns the same pointer.
type Artifact struct {
	Key string `json:"key"`
	Meta
	earlier bool
}

// Meta is the content of meta/<key>.json. Its URLs and fields are redacted:
// it holds no credential.
type Meta struct {
	URL       string            `json:"url"`                    // normalised, redacted
	URLSum    string            `json:"url_sha256"`             // of the normalised URL, 64 hex digits; what a lookup compares
	AskedSum  string            `json:"asked_sha256,omitempty"` // of the URL that brought the bytes, whole but for a signature; "": an earlier server wrote this
	Asked     string            `json:"asked_url,omitempty"`    // that URL, redacted, where neither URL nor what follows is
	Size      int64             `json:"size"`                   // bytes
	SHA256    string            `json:"sha256"`                 // digest, 64 hex digits
	Fetched   time.Time         `json:"fetched_at"`             // UTC, seconds
	FinalURL  string            `json:"final_url,omitempty"`    // that brought the bytes, redacted, where it is not URL: after redirects, or with a query that is not in the key
	Redirects []string          `json:"redirects,omitempty"`    // every URL on the way to it, the first as asked
	Header    map[string]string `json:"headers,omitempty"`      // the origin's response fields that matter: canonical names
	Ranges    bool              `json:"ranges,omitempty"`       // the origin served ranges; not known of what was fetched before this field was written
	Notes     []string          `json:"notes,omitempty"`        // what was odd about the fetch, and did not decide
	Approved  *Approval         `json:"approved,omitempty"`
	Misses    int               `json:"misses"` // times asked for before it was held
	AtLeast   bool              `json:"misses_at_least,omitempty"`
	Claim     string            `json:"claim"`             // the worker that published it
	History   []Version         `json:"history,omitempty"` // earlier versions, newest first, at most ten
}

// Replaced reports whether a version with that digest was held before.
func (m *Meta) Replaced(d string) bool {
	return slices.ContainsFunc(m.History, func(v Version) bool { return v.SHA256 == d })
}

// ErrCorrupt says that the blob is missing or is not what its meta says.
var ErrCorrupt = errors.New("blob does not match its meta")

// AskedURL is the URL that the origin was asked for, redacted. What it says of
// its version it says of that, and not of another URL of the same key.
func (m *Meta) AskedURL() string {
	switch {
	case m.Asked != "":
		return m.Asked
	case len(m.Redirects) > 0:
		return m.Redirects[0]
	case m.FinalURL != "":
		return m.FinalURL
	}
	return m.URL
}

// AskedFor reports whether the origin was asked for rawURL, with whatever
// signature. Of what an earlier server wrote that is known where nothing of the
// URL is redacted.
func (m *Meta) AskedFor(rawURL string) bool {
	u, err := key.Parse(rawURL, key.Auto)
	if err != nil {
		return false
	}
	if m.AskedSum != "" {
		return m.AskedSum == u.Sum()
	}
	asked := m.AskedURL()
	return !key.IsRedacted(asked) && key.SameButSignature(asked, rawURL)
}

// Approval says who let an artifact in, and how.
type Approval struct {
	Via  string    `json:"via"` // web, cli, shell, add, put, batch
	Addr string    `json:"by,omitempty"`
	Time time.Time `json:"at"`
}

// Version is one earlier state of an artifact.
type Version struct {
	SHA256  string            `json:"sha256"`
	Size    int64             `json:"size"`
	Fetched time.Time         `json:"fetched_at"`
	Header  map[string]string `json:"headers,omitempty"` // those that are served
	Ranges  bool              `json:"ranges,omitempty"`
}

// ViaPut is the Via of an approval by put or upload.
const ViaPut = "put"

// LastApproval returns the approval or retry under which a job was done: the newest.
func LastApproval(j *job.Job) job.Event {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if e := j.Events[i]; e.Kind == job.Approve || e.Kind == job.Retry {
			return e
		}
	}
	return job.Event{}
}
