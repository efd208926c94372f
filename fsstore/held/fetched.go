package held

import (
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Origin is where a fetched artifact came from. Fetched.Meta redacts it.
type Origin struct {
	FinalURL  string
	Redirects []string
	Header    map[string]string
	Ranges    bool     // it answered 206, or said Accept-Ranges: bytes
	Notes     []string // for people
	Digest    string   // see Meta

	Via              []string  // see Meta
	UpstreamApproved *Approval // see Meta
}

// Fetched is an artifact whose bytes have come, and the job that asked for them.
type Fetched struct {
	Job    *job.Job
	URL    key.URL
	Asked  string // the URL that was requested
	Claim  string // that fetched it
	SHA256 string
	Size   int64
	Origin
}

// Meta describes the artifact, as fetched now. It redacts all that may hold a credential, so that no
// reader of meta/ has to.
func (f *Fetched) Meta() *Meta {
	n, atLeast := f.Job.Misses()
	m := &Meta{
		URL: key.Redact(f.URL.String()), URLSum: f.URL.Sum(), Size: f.Size, SHA256: f.SHA256, Fetched: tree.Now(),
		Ranges: f.Ranges, Approved: approvalOf(f.Job), Misses: n, AtLeast: atLeast, Claim: f.Claim,
		OriginDigest: f.Digest,
	}
	if asked, err := key.Parse(f.Asked, key.Auto); err == nil {
		m.AskedSum = asked.Sum()
	}
	if asked := key.Redact(f.Asked); f.FinalURL == "" && asked != m.URL { // carried in
		m.Asked = asked
	}
	if final := key.Redact(f.FinalURL); final != m.URL {
		m.FinalURL = final
	}
	for _, u := range f.Redirects {
		m.Redirects = append(m.Redirects, key.Redact(u))
	}
	for _, n := range f.Notes {
		m.Notes = append(m.Notes, key.RedactText(n))
	}
	for _, u := range f.Via {
		m.Via = append(m.Via, key.Redact(u))
	}
	m.UpstreamApproved = f.UpstreamApproved
	for name, v := range f.Header {
		if m.Header == nil {
			m.Header = map[string]string{}
		}
		m.Header[name] = key.RedactText(v)
	}
	return m
}

// approvalOf returns who approved a job, or retried one without an approval, or nil.
func approvalOf(j *job.Job) *Approval {
	e := j.Approval()
	if e.Kind == "" {
		e = j.ApprovalOrRetry()
	}
	if e.Kind == "" {
		return nil
	}
	return &Approval{Via: e.Via, Addr: e.Addr, Time: e.Time}
}
