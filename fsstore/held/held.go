// Package held owns what the cache holds: blobs/<sha256>, the bytes, and meta/<key>.json, one
// artifact each. An artifact is held if its meta exists, was fetched for the very URL that is asked
// for, and its blob is there with the size that meta says. Anything else is a miss.
//
// The rename of meta/<key>.json is the commit of an artifact; see Cache.WriteMeta.
package held

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/changes"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// Cache is what is held: blobs/ and meta/.
type Cache struct {
	tree      *tree.Tree
	health    *health.Monitor
	queries   *queries.Rules
	metas     tree.Mirror[*Artifact]
	changes   *changes.Watch // of meta/ and blobs/
	open      openBlobs
	published func(k string) // see OnPublish

	withheld sync.Map // digests of blobs that are served as misses; see Withhold
}

// New returns the Cache of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules) *Cache {
	s := &Cache{tree: t, health: h, queries: q, changes: changes.New(t.Path("meta", ""), t.Path("blobs", ""))}
	s.metas = tree.Mirror[*Artifact]{
		Dir: t.Path("meta", ""), Ours: IsMetaName, MaxRows: maxCached, Load: s.ReadArtifact,
	}
	return s
}

// WatchHeld has each Handle look at no file, while meta/ and blobs/ stay as they are, until ctx ends.
func (s *Cache) WatchHeld(ctx context.Context) { s.changes.Run(ctx, s.open.end) }

// Artifact is what is held for one URL. It is immutable. Lookup returns the same pointer until its
// meta file changes.
type Artifact struct {
	Key string `json:"key"`
	Meta
	earlier bool // see Earlier
}

// Meta is the content of meta/<key>.json. Its URLs and header fields are redacted, so that it holds
// no credential.
type Meta struct {
	URL      string    `json:"url"`                    // normalised
	URLSum   string    `json:"url_sha256"`             // of it, unredacted: what Find compares
	AskedSum string    `json:"asked_sha256,omitempty"` // of AskedURL without its signature
	Asked    string    `json:"asked_url,omitempty"`    // see AskedURL
	Size     int64     `json:"size"`                   // bytes
	SHA256   string    `json:"sha256"`                 // of the bytes, and the blob's name
	Fetched  time.Time `json:"fetched_at"`             // UTC, seconds

	// FinalURL is the URL that answered with the bytes, if it is not URL: after redirects, or with
	// a query that is not part of the key.
	FinalURL  string   `json:"final_url,omitempty"`
	Redirects []string `json:"redirects,omitempty"` // every URL on the way to it, from the one asked for

	Header map[string]string `json:"headers,omitempty"` // the origin's, those that are kept
	Ranges bool              `json:"ranges,omitempty"`  // the origin serves ranges
	Notes  []string          `json:"notes,omitempty"`   // what was odd about the fetch

	// OriginDigest are the digests of the bytes that the origin announced and that were checked, as
	// Repr-Digest writes them (RFC 9530, 3); empty where it announced none.
	OriginDigest string `json:"origin_digest,omitempty"`

	Approved *Approval `json:"approved,omitempty"`

	// Via are the URLs of the fromcaches through which the bytes came, the one that was asked
	// first, and UpstreamApproved is who approved the artifact there. Both are empty where the
	// origin was asked.
	Via              []string  `json:"via,omitempty"`
	UpstreamApproved *Approval `json:"upstream_approved,omitempty"`

	Misses  int       `json:"misses"`                    // times asked for before it was held
	AtLeast bool      `json:"misses_at_least,omitempty"` // there were more
	Claim   string    `json:"claim"`                     // the claim that published it
	History []Version `json:"history,omitempty"`         // earlier versions, newest first, at most ten
}

// Replaced reports whether a version with that digest was held before.
func (m *Meta) Replaced(d string) bool {
	return slices.ContainsFunc(m.History, func(v Version) bool { return v.SHA256 == d })
}

// ErrCorrupt is the error for a blob that is missing or is not what its meta says.
var ErrCorrupt = errors.New("blob does not match its meta")

// AskedURL returns the URL that the origin was asked for, redacted. Its ETag and Last-Modified are
// of that URL, and not of another one with the same key. Asked has it if neither Redirects,
// FinalURL nor URL does.
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

// AskedFor reports whether the origin was asked for rawURL, with whatever signature. For a meta
// that an earlier server wrote, without AskedSum, it reports false if the URL is redacted.
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

// Approval says who approved an artifact, and how.
type Approval struct {
	Via  string    `json:"via"` // web, cli, shell, add, put, import, batch, upstream
	Addr string    `json:"by,omitempty"`
	Time time.Time `json:"at"`
}

// Version is an earlier version of an artifact.
type Version struct {
	SHA256  string            `json:"sha256"`
	Size    int64             `json:"size"`
	Fetched time.Time         `json:"fetched_at"`
	Header  map[string]string `json:"headers,omitempty"` // those that are served
	Ranges  bool              `json:"ranges,omitempty"`
}

// ViaPut is the Via of an approval by put or upload.
const ViaPut = "put"

// ViaUpstream is the Via of an approval because an upstream holds the artifact; Addr is that one.
const ViaUpstream = "upstream"

// DecidedBy returns the nearest approval that a person gave: where the artifact was approved
// because an upstream holds it, that is the approval there. nil: none is known.
func (m *Meta) DecidedBy() *Approval {
	if m.Approved != nil && m.Approved.Via == ViaUpstream && m.UpstreamApproved != nil {
		return m.UpstreamApproved
	}
	return m.Approved
}
