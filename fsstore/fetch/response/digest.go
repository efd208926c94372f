package response

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
)

// Digest is a hash of the whole artifact that an origin announced.
type Digest struct {
	field     string // the header field it came in
	Algorithm string // as in hashers
	sum       []byte
}

// hashers are the algorithms that are checked. Weak ones suffice against accidents, and Google and
// Azure announce no others.
var hashers = map[string]func() hash.Hash{
	"sha-256": sha256.New,
	"sha-512": sha512.New,
	"md5":     md5.New,
	"crc32c":  func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
}

// Announced collects the digests of a header or trailer. Content-Digest (RFC 9530, 2) and
// Content-MD5 of a partial answer are left out, because they are of the part; Repr-Digest (RFC
// 9530, 3) and x-goog-hash are always of the whole. x-goog-hash is of the stored bytes, so it is
// left out where the store decodes a file as it sends it.
func Announced(h http.Header, partial bool) []Digest {
	list := dictionary("Repr-Digest", h.Values("Repr-Digest"))
	if !partial {
		list = append(list, dictionary("Content-Digest", h.Values("Content-Digest"))...)
		list = add(list, "Content-MD5", "md5", h.Get("Content-Md5"))
	}
	stored := h.Get("X-Goog-Stored-Content-Encoding")
	if stored != "" && stored != "identity" && h.Get("Content-Encoding") == "" {
		return list
	}
	for _, member := range members(h.Values("X-Goog-Hash")) {
		algorithm, sum, _ := strings.Cut(member, "=")
		list = add(list, "x-goog-hash", algorithm, sum)
	}
	return list
}

// OriginDigests are those that the origin announced of an artifact that another fromcache sends.
func OriginDigests(h http.Header) []Digest {
	const field = "X-Fromcache-Origin-Digest"
	return dictionary(field, h.Values(field))
}

// Format writes digests as Repr-Digest does (RFC 9530, 3), one of each algorithm.
func Format(list []Digest) string {
	var members []string
	seen := map[string]bool{}
	for _, d := range list {
		if !seen[d.Algorithm] {
			members = append(members, d.Algorithm+"=:"+base64.StdEncoding.EncodeToString(d.sum)+":")
		}
		seen[d.Algorithm] = true
	}
	return strings.Join(members, ", ")
}

// dictionary reads `sha-256=:base64:, sha-512=:base64:;parameters` (RFC 9651, 3.2 and 3.3.5), and
// with it what origins get wrong: capitals, no padding, a bad member beside a good one.
func dictionary(field string, values []string) []Digest {
	var list []Digest
	for _, member := range members(values) {
		algorithm, value, _ := strings.Cut(member, "=")
		value, _, _ = strings.Cut(value, ";")
		value = strings.TrimSpace(value)
		if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
			continue
		}
		list = add(list, field, algorithm, value[1:len(value)-1])
	}
	return list
}

// members splits a field's values at commas.
func members(values []string) []string {
	all := strings.Split(strings.Join(values, ","), ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// add appends a digest, unless its algorithm is not in hashers or its length is wrong.
func add(list []Digest, field, algorithm, encoded string) []Digest {
	algorithm = strings.ToLower(strings.TrimSpace(algorithm))
	make, ok := hashers[algorithm]
	if !ok {
		return list
	}
	encoded = strings.TrimRight(strings.TrimSpace(encoded), "=")
	sum, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil || len(sum) != make().Size() {
		return list
	}
	return append(list, Digest{field, algorithm, sum})
}

// Sums hashes with several algorithms at once. SHA-256 is not among them, because the part
// computes it.
type Sums map[string]hash.Hash

func NewSums(list []Digest) Sums {
	s := Sums{}
	for _, d := range list {
		if d.Algorithm != "sha-256" && s[d.Algorithm] == nil {
			s[d.Algorithm] = hashers[d.Algorithm]()
		}
	}
	return s
}

func (s Sums) Write(b []byte) (int, error) {
	for _, h := range s {
		h.Write(b)
	}
	return len(b), nil
}

// untilDone is a writer that fails once ctx has ended.
type untilDone struct {
	ctx context.Context
	io.Writer
}

func (w untilDone) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}

// whole is what verify needs of an fsstore.Part.
type whole interface {
	SHA256() string
	io.WriterTo
}

// Verify compares the announced digests with the part and says which is wrong; "" is none. Sums
// that are not in have are computed from the part, until ctx ends.
func Verify(ctx context.Context, list []Digest, have Sums, p whole) (wrong string, err error) {
	missing := Sums{}
	for name, h := range NewSums(list) {
		if have[name] == nil {
			missing[name] = h
		}
	}
	if len(missing) > 0 {
		if _, err := p.WriteTo(untilDone{ctx, missing}); err != nil { //guard:TestAnnounced
			return "", err
		}
	}
	for _, d := range list {
		got := p.SHA256()
		switch {
		case d.Algorithm == "sha-256":
		case have[d.Algorithm] != nil:
			got = fmt.Sprintf("%x", have[d.Algorithm].Sum(nil))
		default:
			got = fmt.Sprintf("%x", missing[d.Algorithm].Sum(nil))
		}
		if want := fmt.Sprintf("%x", d.sum); want != got {
			return fmt.Sprintf("the origin's %s says %s %s, but the bytes have %s", d.field,
				d.Algorithm, want, got), nil
		}
	}
	return "", nil
}
