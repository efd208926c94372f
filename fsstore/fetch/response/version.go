package response

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Validator identifies one version of a URL's bytes, so that ranges of it may be joined: a strong
// ETag, or a Last-Modified time that RFC 9110 calls strong.
type Validator struct {
	ETag     string
	Modified time.Time
}

// strongAge is the time by which Date must be later than Last-Modified for a strong validator. RFC
// 9110, 8.8.2.2 asks for a second with one clock and for more with two, and we can't know which it
// is.
const strongAge = time.Minute

// ValidatorOf returns the validator of a whole answer. Last-Modified beside an ETag is none,
// because a weak ETag says that the bytes may differ at the same time (RFC 9110, 13.1.5).
func ValidatorOf(h http.Header) Validator {
	if hasETag(h) { //guard:fsstore/fetch.TestResume
		return Validator{ETag: strongETag(h.Get("Etag"))}
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, errDate := http.ParseTime(h.Get("Date"))
	if err != nil || errDate != nil || date.Sub(modified) < strongAge {
		return Validator{}
	}
	return Validator{Modified: modified.UTC()}
}

// hasETag reports whether there is an ETag. One without quotes, as some repositories send it, is
// none (RFC 9110, 8.8.3).
func hasETag(h http.Header) bool { return strings.HasSuffix(strings.TrimSpace(h.Get("Etag")), `"`) }

// StartValidator returns the validator that a start line noted.
func StartValidator(e job.Event) Validator {
	if e.ETag != "" {
		return Validator{ETag: e.ETag}
	}
	return Validator{Modified: e.Modified}
}

func (v Validator) IsNone() bool { return v.ETag == "" && v.Modified.IsZero() }

// field returns v as an If-Range field.
func (v Validator) field() string {
	if v.ETag != "" {
		return v.ETag
	}
	return v.Modified.Format(http.TimeFormat)
}

// matches reports whether a 206 with this header is of the version v.
func (v Validator) matches(h http.Header) bool {
	if v.ETag != "" {
		return strongETag(h.Get("Etag")) == v.ETag
	}
	t, err := http.ParseTime(h.Get("Last-Modified"))
	return err == nil && !hasETag(h) && t.Equal(v.Modified) //guard:fsstore/fetch.TestResume
}

// Resumable returns the job's newest start line, and whether a part can be resumed by it: it noted
// a validator and a size, and its URL is the one asked for now but for a signature. The URLs must
// agree, because an ETag made of time and size can be the same for two queries.
func Resumable(j *job.Job) (job.Event, bool) {
	e, ok := j.Newest(job.Start)
	if !ok || StartValidator(e).IsNone() || e.Size <= 0 {
		return e, false
	}
	asked, now := j.StartURL(), j.FetchURL()
	if !key.SameButSignature(asked, now) { //guard:fsstore/fetch.TestResumeOfAnotherURL
		return e, false
	}
	return e, true
}

// ResumeFields returns the request's fields for a part of n bytes, and the offset at which the
// answer is to begin: n, or the last byte where the part is complete, because an empty range can't
// be asked for.
func ResumeFields(start job.Event, n int64) (h http.Header, from int64) {
	from = min(n, start.Size-1)
	return http.Header{
		"Range":    {fmt.Sprintf("bytes=%d-", from)},
		"If-Range": {StartValidator(start).field()},
	}, from
}

// ConditionalFields ask for the artifact only if it has changed. They are empty where the held one
// came from another URL of its key, because its validators say nothing of this one, and where it
// has not the digest want.
func ConditionalFields(held *fsstore.Artifact, url, want string) http.Header {
	h := http.Header{}
	if held == nil ||
		!held.AskedFor(url) || //guard:fsstore/fetch.TestConditionalOfAnotherURL
		want != "" && want != held.SHA256 {
		return h
	}
	if tag := strongETag(held.Header["Etag"]); tag != "" {
		h.Set("If-None-Match", tag)
	} else if t := held.Header["Last-Modified"]; t != "" {
		if _, err := http.ParseTime(t); err == nil {
			h.Set("If-Modified-Since", t)
		}
	}
	return h
}

// IsUnchanged reports whether a 304 confirms what is held: it answers our condition, and names no
// other version.
func IsUnchanged(r *http.Response, asked http.Header) bool {
	if r.StatusCode != http.StatusNotModified {
		return false
	}
	tag := r.Header.Get("Etag")
	switch {
	case asked.Get("If-None-Match") != "":
		return tag == "" || strings.TrimPrefix(tag, "W/") == asked.Get("If-None-Match")
	case asked.Get("If-Modified-Since") != "":
		return true
	}
	return false
}

// Continues reports whether a 206 continues at from the version that start noted, up to its end.
// Nothing else may be appended.
func Continues(r *http.Response, start job.Event, from int64) bool {
	first, last, total, ok := contentRange(r.Header)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.StatusCode == http.StatusPartialContent && ok && kind != "multipart/byteranges" &&
		first == from && //guard:fsstore/fetch.TestResume
		last == total-1 && //guard:fsstore/fetch.TestResume
		total == start.Size && //guard:fsstore/fetch.TestResumeLeft
		(r.ContentLength < 0 || r.ContentLength == last-first+1) &&
		StartValidator(start).matches(r.Header)
}

// strongETag returns s if it is a strong validator that a job's line can hold, else "".
func strongETag(s string) string {
	s = strings.TrimSpace(s)
	if !job.StrongETag(s) {
		return ""
	}
	return s
}
