package read

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// Values of header fields that never change. net/http only reads them.
var (
	octets       = []string{"application/octet-stream"}
	unbuffered   = []string{"no"}
	sandbox      = []string{"sandbox; default-src 'none'"}
	bytesRanges  = []string{"bytes"}
	redirected   = []string{"1"}
	direct       = []string{"0"}
	statusHit    = []string{"fromcache; hit"}
	digestMissed = []string{"fromcache; fwd=uri-miss; detail=unknown-digest"}

	nameMissed    = []string{"fromcache; fwd=uri-miss; detail=unknown-name"}
	versionMissed = []string{"fromcache; fwd=uri-miss; detail=unknown-version"}
)

// aMinute lets caches answer for a minute without asking, and for ten seconds more while they ask. When
// the server can't be had they may go on for 30 days (RFC 5861), as it can be mended in that time.
var aMinute = []string{"max-age=60, stale-while-revalidate=10, stale-if-error=2592000"}

// reply is an artifact's header fields, formatted once. It is immutable.
type reply struct {
	key      string // "" for a blob that was asked for by its digest
	size     int64
	modified time.Time // as the origin said; zero: it didn't
	ranges   bool      // of the bytes may be asked for

	length []string
	fields http.Header // what GET and HEAD share, but the length
	wire   []byte      // fields as they are sent
	sized  []byte      // the same with the length behind them

	provenance http.Header // what a fromcache below is told beside them

	forever atomic.Pointer[reply] // see pinned
}

// put sets the fields, for an answer that http.ServeContent makes.
func (a *reply) put(h http.Header) { maps.Copy(h, a.fields) }

// pinned returns a for the address of this very version, which caches may keep for
// a year because its bytes never change.
func (a *reply) pinned() *reply {
	if p := a.forever.Load(); p != nil {
		return p
	}
	h := maps.Clone(a.fields)
	h["Cache-Control"] = answer.AYear
	p := newReply(a.size, h)
	p.key, p.modified, p.ranges, p.provenance = a.key, a.modified, a.ranges, a.provenance
	a.forever.Store(p)
	return p
}

// blobReply returns the answer for bytes of which only the digest is known.
func blobReply(digest string, size int64) *reply {
	h := blobFields(digest)
	h["Accept-Ranges"] = bytesRanges
	a := newReply(size, h)
	a.ranges = true
	return a
}

func newReply(size int64, fields http.Header) *reply {
	a := &reply{size: size, length: []string{strconv.FormatInt(size, 10)}, fields: fields, wire: wire(fields)}
	a.sized = append(slices.Clip(a.wire), "Content-Length: "+a.length[0]+"\r\n"...)
	return a
}

// wire returns header fields as they are sent.
func wire(fields http.Header) []byte {
	var b bytes.Buffer
	fields.Write(&b) //nolint:errcheck // a Buffer takes all
	return b.Bytes()
}

func blobFields(digest string) http.Header {
	sum, _ := hex.DecodeString(digest)
	return http.Header{
		"Cache-Control":           answer.AYear,
		"Cache-Status":            statusHit,
		"Content-Security-Policy": sandbox, //guard:httpd.TestFraming
		"Content-Type":            octets,
		"Etag":                    {`"` + digest + `"`},
		"Repr-Digest":             {"sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"},
		"X-Accel-Buffering":       unbuffered, // nginx would take a GiB at once, and then nothing for as long as its reader needs for that
		"X-Content-Type-Options":  answer.Nosniff,
		"X-Fromcache-Sha256":      {digest},
	}
}

func artifactReply(held *fsstore.Artifact) *reply {
	h := blobFields(held.SHA256)
	h["Cache-Control"] = aMinute
	if v := held.Header["Content-Type"]; safeType(v) {
		h["Content-Type"] = []string{v}
	}
	if v := asSaved(h["Content-Type"][0], safeDisposition(held.Header["Content-Disposition"])); v != "" {
		h["Content-Disposition"] = []string{v}
	}
	if v := held.Header["Content-Encoding"]; v != "" && safeValue(v) {
		h["Content-Encoding"] = []string{v}
	}
	modified, err := http.ParseTime(held.Header["Last-Modified"])
	if err == nil {
		h["Last-Modified"] = []string{modified.UTC().Format(http.TimeFormat)}
	}
	switch {
	case len(held.Redirects) > 0:
		h["X-Fromcache-Redirected"] = redirected
	case len(held.Header) > 0: // an origin answered; what it would have done with what was carried in nobody knows
		h["X-Fromcache-Redirected"] = direct
	}
	if held.Ranges {
		h["Accept-Ranges"] = bytesRanges
	}
	a := newReply(held.Size, h)
	a.provenance = provenance(held)
	a.key, a.modified, a.ranges = held.Key, modified, held.Ranges
	return a
}

// safeValue reports whether v is at most 1 KiB of visible ASCII and spaces, so that
// it can't end its line. Other values of origins are dropped.
func safeValue(v string) bool {
	for i := range len(v) {
		if v[i] < 0x20 || v[i] > 0x7e {
			return false
		}
	}
	return len(v) <= 1<<10
}

func safeType(v string) bool {
	t, _, err := mime.ParseMediaType(v)
	return err == nil && strings.Contains(t, "/") && !strings.HasPrefix(t, "multipart/") && safeValue(v)
}

// safeDisposition returns v if it is inline or attachment and its file name is no
// path, else "attachment" if it is that, else "".
func safeDisposition(v string) string {
	t, params, err := mime.ParseMediaType(v)
	switch {
	case err == nil && (t == "attachment" || t == "inline") && safeValue(v) && onlyName(v, params["filename"]):
		return v
	case t == "attachment":
		return t
	}
	return ""
}

// asSaved returns the disposition v, but attachment for a PDF, because a browser's
// PDF reader runs scripts under the address of the pages whatever the policy says.
func asSaved(mediaType, v string) string {
	t := strings.ToLower(mediaType)
	if strings.Contains(t, "pdf") && !strings.HasPrefix(strings.ToLower(v), "attachment") { //guard:TestPDF
		_, name, _ := strings.Cut(v, ";")
		return strings.TrimSuffix("attachment;"+name, ";")
	}
	return v
}

// onlyName reports whether no reader of v, of filename= or of filename*=, finds
// a path in it or the name of a hidden file.
func onlyName(v, name string) bool {
	raw := strings.ToLower(v)
	for _, path := range [...]string{"/", `\`, "%2f", "%5c", "=.", `=".`, "''.", "''%2e"} {
		if strings.Contains(raw, path) {
			return false
		}
	}
	return isName(name) && readsAs(v) //guard:TestDisposition
}

func isName(s string) bool {
	return utf8.ValidString(s) && !strings.HasPrefix(s, ".") && !strings.ContainsAny(s, "/\\\x00\r\n")
}

// readsAs reports whether mime can decode each filename*= in v, and it is a name. A
// client may know charsets and continuations that mime does not.
func readsAs(v string) bool {
	for {
		i := strings.Index(strings.ToLower(v), "filename*")
		if i < 0 {
			return true
		}
		one, rest, _ := strings.Cut(v[i:], ";")
		_, params, err := mime.ParseMediaType("attachment; " + one)
		if err != nil || params["filename"] == "" || !isName(params["filename"]) {
			return false
		}
		v = rest
	}
}

// replies keeps the formatted fields of artifacts. The store returns the same
// pointer while an artifact stays what it is, so the pointer is the name.
type replies struct {
	known sync.Map // *fsstore.Artifact to *reply
	n     atomic.Int32
}

// maxReplies bounds the memory: about 2 KiB each.
const maxReplies = 2000

func (as *replies) of(held *fsstore.Artifact) *reply {
	if a, ok := as.known.Load(held); ok {
		return a.(*reply)
	}
	if as.n.Add(1) > maxReplies {
		as.known.Clear()
		as.n.Store(1)
	}
	a := artifactReply(held)
	as.known.Store(held, a)
	return a
}
