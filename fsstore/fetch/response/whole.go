package response

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// contentRange reads `bytes first-last/total` (RFC 9110, 14.4). A total of `*` proves nothing and
// is not ok.
func contentRange(h http.Header) (first, last, total int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(h.Get("Content-Range")), " ")
	span, size, _ := strings.Cut(rest, "/")
	from, to, _ := strings.Cut(span, "-")
	first, ok1 := decimal(from)
	last, ok2 := decimal(to)
	total, ok3 := decimal(size)
	ok = ok1 && ok2 && ok3 && strings.EqualFold(unit,
		"bytes") && first <= last && last < total && len(h.Values("Content-Range")) == 1
	return first, last, total, ok
}

// IsWhole reports whether an answer is a 200 with all of the file. Some scripts send a range with
// status 200, which Content-Range gives away. A last byte that is one too high is a common mistake
// and accepted.
func IsWhole(r *http.Response) bool {
	unit, rest, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Content-Range")), " ")
	if r.StatusCode != http.StatusOK {
		return false
	}
	if !strings.EqualFold(unit, "bytes") { //guard:fsstore/fetch.TestBehaviours
		return true
	}
	span, size, _ := strings.Cut(rest, "/")
	from, to, _ := strings.Cut(span, "-")
	last, isLast := decimal(to)
	total, isTotal := decimal(size)
	return isLast && isTotal && from == "0" && last >= total-1 &&
		(r.ContentLength < 0 || r.ContentLength == total)
}

func decimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// EndIsCertain reports whether the framing shows the end of the body, as a length, chunks and
// HTTP/2's frames do. A closed connection doesn't.
func EndIsCertain(r *http.Response) bool {
	return r.ContentLength >= 0 || len(r.TransferEncoding) > 0 || r.ProtoMajor >= 2
}

// keptNames are the fields that meta keeps, to be served again or to tell a person which version
// it is.
var keptNames = []string{
	"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language",
	"Etag", "Last-Modified", "Date", "Repr-Digest", "Content-Digest", "Content-Md5",
	"X-Goog-Hash", "X-Goog-Generation", "X-Amz-Version-Id", "X-Repo-Commit",
}

// maxField is the length in bytes above which a field is not kept.
const maxField = 1 << 10

// KeptFields returns the fields of h that meta keeps.
func KeptFields(h http.Header) map[string]string {
	m := map[string]string{}
	for _, name := range keptNames {
		if v := strings.Join(h.Values(name), ", "); v != "" && len(v) <= maxField {
			m[name] = v
		}
	}
	return m
}

// ServesRanges reports whether an origin sent a range of this file or said that it would (RFC
// 9110, 14.3).
func ServesRanges(r *http.Response) bool {
	said := strings.ToLower(strings.Join(r.Header.Values("Accept-Ranges"), ","))
	units := strings.Split(said, ",")
	for i := range units {
		units[i] = strings.TrimSpace(units[i])
	}
	return r.StatusCode == http.StatusPartialContent || slices.Contains(units, "bytes")
}
