package fetch

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

// digest is what an origin says that a hash of the whole artifact is.
type digest struct {
	field     string // the header field it came in
	algorithm string // as in hashers
	sum       []byte
}

// hashers are the algorithms that are checked. The weak ones are good enough against accidents, and they are what Google
// and Azure announce.
var hashers = map[string]func() hash.Hash{
	"sha-256": sha256.New,
	"sha-512": sha512.New,
	"md5":     md5.New,
	"crc32c":  func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
}

// announced collects the digests of a header or trailer. A partial answer's Content-Digest (RFC 9530, 2) and Content-MD5 are
// of the part and left out; Repr-Digest (RFC 9530, 3) and x-goog-hash are of the whole in either case. Google computes its
// hash of what is stored, so that it says nothing where the store unpacks a file on its way out.
func announced(h http.Header, partial bool) []digest {
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

// dictionary reads sha-256=:base64:, sha-512=:base64:;parameters (RFC 8941, 3.2 and 3.3.5).
func dictionary(field string, values []string) []digest {
	var list []digest
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

func members(values []string) []string {
	all := strings.Split(strings.Join(values, ","), ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// add appends a digest, unless its algorithm is not ours or its sum has not the length that it must have.
func add(list []digest, field, algorithm, encoded string) []digest {
	algorithm = strings.ToLower(strings.TrimSpace(algorithm))
	make, ok := hashers[algorithm]
	if !ok {
		return list
	}
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
	if err != nil || len(sum) != make().Size() {
		return list
	}
	return append(list, digest{field, algorithm, sum})
}

// sums hashes with several algorithms at once. SHA-256 is never among them: the part has it.
type sums map[string]hash.Hash

func newSums(list []digest) sums {
	s := sums{}
	for _, d := range list {
		if d.algorithm != "sha-256" && s[d.algorithm] == nil {
			s[d.algorithm] = hashers[d.algorithm]()
		}
	}
	return s
}

func (s sums) Write(b []byte) (int, error) {
	for _, h := range s {
		h.Write(b)
	}
	return len(b), nil
}

// untilDone is a writer that ends when ctx does.
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

// verify compares what was announced with what is there, and says what is wrong. Sums that were not computed on the way are
// computed from the part, unless ctx ends.
func verify(ctx context.Context, list []digest, have sums, p whole) (wrong string, err error) {
	missing := sums{}
	for name, h := range newSums(list) {
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
		case d.algorithm == "sha-256":
		case have[d.algorithm] != nil:
			got = fmt.Sprintf("%x", have[d.algorithm].Sum(nil))
		default:
			got = fmt.Sprintf("%x", missing[d.algorithm].Sum(nil))
		}
		if want := fmt.Sprintf("%x", d.sum); want != got {
			return fmt.Sprintf("the origin's %s says %s %s, but the bytes have %s", d.field, d.algorithm, want, got), nil
		}
	}
	return "", nil
}
