package catalog

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"fromcache/fsstore/held"
)

// Row is what a list shows of one artifact.
type Row struct {
	Key     string
	URL     string // redacted; "" if meta can't be read
	SHA256  string
	Size    int64
	Fetched time.Time
	Misses  int
	AtLeast bool  // there were more misses than were counted
	Hits    int64 // 0 where hits/ has not been read
}

// Saved returns how many bytes its hits have spared the origin, at most 2^63-1, because people may
// write any number into these files.
func (r *Row) Saved() int64 { return saved(r.Size, r.Hits) }

func saved(size, hits int64) int64 {
	if size > 0 && hits > math.MaxInt64/size {
		return math.MaxInt64
	}
	return size * hits
}

// maxURL is how much of a URL a row keeps. Only a meta that a person wrote has a longer one.
const maxURL = 16 << 10

// packed is a row in memory, without a pointer, so that the garbage collector passes it over.
type packed struct {
	digest      [32]byte // zeros: meta can't be read
	meta, count uint64   // hashes of the identities of the files in meta/ and hits/; 0: there is none
	size        int64
	fetched     int64 // Unix time
	hits        int64
	chunk, at   uint32    // where its text is
	prev, next  [2]uint32 // rows with the same digest, and with the same basename; see rings
	misses      uint32
	urlLen      uint16
	keyLen      uint8 // bytes of the key behind the URL; 0: its digits only, and the rest is in the URL
	flags       uint8
}

// The rings that a row is in.
const (
	byDigest = iota
	byName
)

const (
	live    = 1 << iota
	atLeast // see Row
	capital // the URL has capitals: a bit for each of its bytes follows the key
	http    // the URL begins with http://
	https   // or with https://
)

// keyDigits are the bytes of the hash at the end of a key.
const keyDigits = 16

// pack returns the text that is kept of a key and a URL: the URL in lower case, because it is
// searched so; of the key what the URL does not say; and which letters are capitals.
func pack(k, url string) (text []byte, urlLen uint16, keyLen, flags uint8) {
	url = url[:min(len(url), maxURL)]
	text = append(text, strings.ToLower(url)...)
	if len(text) != len(url) { // it is not ASCII, and is searched as it is
		text = append(text[:0], url...)
	}
	urlLen = uint16(len(text))
	if sum, ok := digitsOf(k); ok && k[:len(k)-2*keyDigits] == keyPrefix(url) {
		text = append(text, sum[:]...)
	} else {
		keyLen = uint8(len(k))
		text = append(text, k...)
	}
	switch {
	case bytes.HasPrefix(text, []byte("https://")):
		flags |= https
	case bytes.HasPrefix(text, []byte("http://")):
		flags |= http
	}
	mask := make([]byte, (len(url)+7)/8)
	for i := range len(url) {
		if url[i] != text[i] {
			mask[i/8] |= 1 << (i % 8)
			flags |= capital
		}
	}
	if flags&capital != 0 {
		text = append(text, mask...)
	}
	return text, urlLen, keyLen, flags
}

// digitsOf returns the bytes of the hash at the end of a key.
func digitsOf(k string) (sum [keyDigits]byte, ok bool) {
	if len(k) < 2*keyDigits {
		return sum, false
	}
	for i := range sum {
		high, low := lowerHex(k[len(k)-2*keyDigits+2*i]), lowerHex(k[len(k)-2*keyDigits+2*i+1])
		if high < 0 || low < 0 {
			return sum, false
		}
		sum[i] = byte(high<<4 | low)
	}
	return sum, true
}

func lowerHex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// keyPrefix returns the key of a simple URL up to its digits.
func keyPrefix(url string) string { return string(appendKeyPrefix(nil, []byte(url))) }

func appendKeyPrefix(b, url []byte) []byte {
	_, rest, _ := bytes.Cut(url, []byte("://"))
	return appendHostAndBase(b, rest)
}

// appendHostAndBase is appendKeyPrefix of a URL without its scheme.
func appendHostAndBase(b, rest []byte) []byte {
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		rest = rest[:i]
	}
	host := bytes.IndexByte(rest, '/')
	if host < 0 {
		return b
	}
	b = append(append(b, rest[:host]...), "--"...)
	return append(append(b, rest[bytes.LastIndexByte(rest, '/')+1:]...), "--"...)
}

// lowerURL returns a row's URL in lower case.
func (t *table) lowerURL(p *packed) []byte {
	return t.text[p.chunk][p.at : p.at+uint32(p.urlLen)]
}

// afterScheme returns a URL from its host on; the key of a row without one.
func (t *table) afterScheme(p *packed) []byte {
	switch url := t.lowerURL(p); {
	case p.flags&https != 0:
		return url[len("https://"):]
	case p.flags&http != 0:
		return url[len("http://"):]
	case len(url) > 0:
		return url
	}
	return []byte(t.key(p))
}

func (t *table) url(p *packed) string {
	b := t.lowerURL(p)
	if p.flags&capital == 0 {
		return string(b)
	}
	at := p.at + uint32(p.urlLen) + uint32(p.keyBytes())
	mask := t.text[p.chunk][at:]
	url := make([]byte, len(b))
	for i, c := range b {
		if mask[i/8]&(1<<(i%8)) != 0 {
			c -= 'a' - 'A'
		}
		url[i] = c
	}
	return string(url)
}

// keyText returns what is kept of a row's key.
func (t *table) keyText(p *packed) []byte {
	at := p.at + uint32(p.urlLen)
	return t.text[p.chunk][at : at+uint32(p.keyBytes())]
}

func (p *packed) keyBytes() int {
	if p.keyLen == 0 {
		return keyDigits
	}
	return int(p.keyLen)
}

func (t *table) key(p *packed) string {
	b := t.keyText(p)
	if p.keyLen > 0 {
		return string(b)
	}
	return keyPrefix(t.url(p)) + hex.EncodeToString(b)
}

// appendLowerKey appends a row's key in lower case; the digits at its end only where they are wanted.
func (t *table) appendLowerKey(b []byte, p *packed, digits bool) []byte {
	if p.keyLen > 0 {
		return append(b, bytes.ToLower(t.keyText(p))...)
	}
	if p.flags&(http|https) != 0 {
		b = appendHostAndBase(b, t.afterScheme(p))
	} else {
		b = appendKeyPrefix(b, t.lowerURL(p))
	}
	if digits {
		b = hex.AppendEncode(b, t.keyText(p))
	}
	return b
}

func (t *table) row(id uint32) Row {
	p := t.at(id)
	r := Row{
		Key: t.key(p), URL: t.url(p), Size: p.size, Misses: int(p.misses), AtLeast: p.flags&atLeast != 0, Hits: p.hits,
	}
	if p.digest != ([32]byte{}) {
		r.SHA256, r.Fetched = hex.EncodeToString(p.digest[:]), time.Unix(p.fetched, 0).UTC()
	}
	return r
}

// fill sets what a meta says.
func (p *packed) fill(b *held.Brief) {
	if b.SHA256 == "" {
		return
	}
	p.digest = held.DigestBytes(b.SHA256)
	p.size, p.fetched = b.Size, b.Fetched.Unix()
	p.misses = uint32(min(max(b.Misses, 0), math.MaxInt32))
	if b.AtLeast {
		p.flags |= atLeast
	}
}
