package upkeep_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/upkeep"
)

// FuzzWanted: a digest that stands in a meta's text, in any case, is wanted by gc
// where the text names no other as its own.
func FuzzWanted(f *testing.F) {
	ours := strings.Repeat("0", 64)
	before, after := "{\n  \"url\": \""+storetest.CudaURL+"\",\n  \"url_sha256\": \""+strings.Repeat("a", 64)+"\",\n  \"sha256\": \"", "\",\n  \"size\": 5\n}\n"
	for _, seed := range []struct{ before, after string }{
		{before, after}, {"", ""}, {before, after[:5]}, {before + "sha256:", after}, {"<<<<<<< " + before, "\n======="}, {"\"SHA256\":\"", "\"\x00"},
		{"{\"sha256\":\"" + ours + "\"", "}"}, {ours + "\n", " " + ours},
	} {
		f.Add([]byte(seed.before), []byte(seed.after), uint64(7), uint64(0))
		f.Add([]byte(seed.before), []byte(seed.after), uint64(7), ^uint64(0))
	}
	s := storetest.QuickStore(f)
	name := storetest.KeyOf(f, storetest.CudaURL) + ".json"
	f.Fuzz(func(t *testing.T, before, after []byte, n, upper uint64) {
		digest := held.SumHex(sha256.Sum256(binary.BigEndian.AppendUint64(nil, n)))
		if isWord(before, len(before)-1) || isWord(after, 0) {
			t.Skip() // it is a part of a longer word
		}
		text := slices.Concat(before, inCases(digest, upper), after)
		wanted := upkeep.Digests{}
		if held.DigestIn(text) != "" {
			return // that one is wanted
		}
		if err := s.WantMalformed(wanted, name, text); !wanted.Has(digest) {
			t.Fatalf("%q: %s is not wanted, %v", text, digest, err)
		}
	})
}

// inCases is a digest with some of its letters in upper case.
func inCases(digest string, upper uint64) []byte {
	b := []byte(digest)
	for i := range b {
		if upper>>i&1 == 1 {
			b[i] = byte(unicode.ToUpper(rune(b[i])))
		}
	}
	return b
}

func isWord(b []byte, i int) bool {
	return i >= 0 && i < len(b) && (b[i] == '_' || b[i] < 0x80 && (unicode.IsLetter(rune(b[i])) || unicode.IsDigit(rune(b[i]))))
}
