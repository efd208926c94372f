package fsstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"fromcache/fsstore/key"
)

// What people and rsync may leave in the tree is any bytes under any name.

func FuzzMeta(f *testing.F) {
	good := Meta{URL: cudaURL, URLSum: strings.Repeat("a", 64), SHA256: strings.Repeat("0", 64), Size: 5}
	b, err := good.encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(b), "", "{", "null", "[]", `{"sha256":"../../etc/passwd"}`,
		strings.Replace(string(b), `"size": 5`, `"size": -5`, 1), strings.Replace(string(b), `"size": 5`, `"size": 1e400`, 1),
		strings.Replace(string(b), good.SHA256, "../../../etc/passwd", 1), strings.Replace(string(b), good.URLSum, "", 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Meta
		if m.decode(b) != nil {
			return
		}
		if !IsDigest(m.SHA256) || !IsDigest(m.URLSum) || m.Size < 0 {
			t.Fatalf("taken: %+v", m)
		}
		again, err := m.encode()
		if err != nil {
			t.Skip() // a year that JSON can't hold
		}
		var n Meta
		if err := n.decode(again); err != nil || n.SHA256 != m.SHA256 || n.Size != m.Size || n.URLSum != m.URLSum {
			t.Fatalf("%+v became %+v, %v", m, n, err)
		}
	})
}

func FuzzHits(f *testing.F) {
	for _, seed := range []string{"", "0", "7\n", "-1", "9223372036854775807", "99999999999999999999", "1 2", "0x10"} {
		f.Add([]byte(seed), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, more int64) {
		n := parseHits(b)
		if n < 0 {
			t.Fatalf("%q counts as %d", b, n)
		}
		if more = max(more, 0); plus(n, more, math.MaxInt64) < max(n, more) {
			t.Fatalf("%q and %d more are %d", b, more, plus(n, more, math.MaxInt64))
		}
	})
}

// FuzzStats: no number of a day's file is negative, and none gets smaller by
// what is added, or other by being written.
func FuzzStats(f *testing.F) {
	for _, seed := range []string{"", "hits 7\nmisses 9\n", "hits 7\nhits 9", "hits -1\n", "hits 1 2\nhits", "hits 9223372036854775807\nhits 9\n",
		"hits 9007199254740992\n", "\xff 1\n\u2003x\u00a0+2\n"} {
		f.Add([]byte(seed), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, more int64) {
		n := parseStats(b)
		for name, v := range n {
			if v < 0 || v > maxDay || name == "" {
				t.Fatalf("%q: %q counts as %d", b, name, v)
			}
			if got := plus(v, max(more, 0), maxDay); got < v || got > maxDay {
				t.Fatalf("%d and %d more are %d", v, more, got)
			}
		}
		if again := parseStats(statLines(n)); !maps.Equal(n, again) {
			t.Fatalf("%q: %v became %v", b, n, again)
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "x.job", "a@0123456789abcdef.job", "example.com--x.run--0123456789abcdef.2.job", "-x", "x~", "a/b", "x\x00", strings.Repeat("y", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if stem, worker, ok := splitActive(name); ok && activeJobName(stem, worker) != name {
			t.Fatalf("%q is %q and %q", name, stem, worker)
		}
		if plain(name) && filepath.Base(filepath.Clean("/dir/"+name)) != name {
			t.Fatalf("%q leads out of its directory", name)
		}
		if stem := stemOf(name); key.Valid(stem) && !strings.HasPrefix(name, stem) {
			t.Fatalf("%q is of %q", name, stem)
		}
		if countsInQueue(name) && !plain(name) {
			t.Fatalf("%q counts in queue/", name)
		}
	})
}

// FuzzWanted: a digest that stands in a meta's text, in any case, is wanted by gc
// where the text names no other as its own; a meta that is served names one digest.
func FuzzWanted(f *testing.F) {
	good := Meta{URL: cudaURL, URLSum: strings.Repeat("a", 64), SHA256: strings.Repeat("0", 64), Size: 5}
	b, err := good.encode()
	if err != nil {
		f.Fatal(err)
	}
	before, after, _ := strings.Cut(string(b), good.SHA256)
	for _, seed := range []struct{ before, after string }{
		{before, after}, {"", ""}, {before, after[:5]}, {before + "sha256:", after}, {"<<<<<<< " + before, "\n======="}, {"\"SHA256\":\"", "\"\x00"},
		{"{\"sha256\":\"" + good.SHA256 + "\"", "}"}, {good.SHA256 + "\n", " " + good.SHA256},
	} {
		f.Add([]byte(seed.before), []byte(seed.after), uint64(7), uint64(0))
		f.Add([]byte(seed.before), []byte(seed.after), uint64(7), ^uint64(0))
	}
	s := quickStore(f)
	name := keyOf(f, cudaURL) + ".json"
	f.Fuzz(func(t *testing.T, before, after []byte, n, upper uint64) {
		digest := sumHex(sha256.Sum256(binary.BigEndian.AppendUint64(nil, n)))
		if isWord(before, len(before)-1) || isWord(after, 0) {
			t.Skip() // it is a part of a longer word
		}
		text := slices.Concat(before, inCases(digest, upper), after)
		wanted := digests{}
		var m Meta
		switch named := namedDigest(text); {
		case m.decode(text) == nil:
			if named != m.SHA256 {
				t.Fatalf("%q: %q is wanted, and %q is served", text, named, m.SHA256)
			}
		case named != "" && !IsDigest(named):
			t.Fatalf("%q: %q", text, named)
		case named == "":
			if err := s.wantMalformed(wanted, name, text); !wanted.has(digest) {
				t.Fatalf("%q: %s is not wanted, %v", text, digest, err)
			}
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

// FuzzDeny: what may be denied by name is a name for a file, and denies every
// URL of the host that it names, and none other's.
func FuzzDeny(f *testing.F) {
	for _, seed := range []string{"h.example", "*.h.example", "*.*.x", "*.", "H.example", "h.example.", "h:80", "10.0.0.1", "::1", "[::1]", "*.::1", "a/b", "..", "-x", "u@h", "h?", "x~"} {
		f.Add(seed)
	}
	s := quickStore(f)
	f.Fuzz(func(t *testing.T, name string) {
		if !isHostPattern(name) {
			return
		}
		if strings.ContainsAny(name, "/\x00\n") || name == "" {
			t.Fatalf("%q is no name for a file", name)
		}
		if s.Deny(name, By{"cli", "test"}) != nil {
			t.Skip() // it is too long for a file's, or an option's
		}
		defer os.Remove(s.job(Denied, name))
		host, any := strings.CutPrefix(name, "*.")
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		for rawURL, want := range map[string]bool{"https://" + host + ":99/x": !any, "https://a." + host + "/x": any, "https://a" + host + "/x": false} {
			u, err := key.Parse(rawURL, key.Auto)
			if err != nil {
				continue
			}
			if got := s.deniedBy(u) == name; got != want {
				t.Fatalf("%q denies %q: %v", name, rawURL, got)
			}
		}
	})
}

// quickStore is in memory where the machine has such a file system: fsync is
// what a run costs.
func quickStore(t testing.TB) *Store {
	dir, err := os.MkdirTemp("/dev/shm", "fuzz-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return openAt(t, dir+"/data", Options{})
}

// FuzzClaim puts any bytes into queue/: they become a claim, jobs, or a file
// with a reason in failed/, and are never lost, and nothing else happens.
func FuzzClaim(f *testing.F) {
	for _, seed := range []string{
		"", "\n", cudaURL + "\n", cudaURL, "hello\n", "ftp://x/y\n", "https://u:p@example.com/x\n", "https://a.example/x.run\nhttps://b.example/y.run\n",
		cudaURL + "\nsha256 zz\n", cudaURL + "\nafter 2999-01-01T00:00:00Z\n", "\xef\xbb\xbf" + cudaURL + "\r\n", "https://\x00/\n", "\x00\x00\x00\n",
		cudaURL + "\n2026-11-22T21:27:26Z done 5 -\n", "# only a comment\n", "https://example.com/../../etc/passwd\n",
	} {
		f.Add([]byte(seed), uint8(len(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		s := quickStore(t)
		name := []string{"x.job", keyOf(t, cudaURL) + ".job", keyOf(t, cudaURL), "y.2.job"}[n%4]
		if err := os.WriteFile(s.job(Queue, name), b, 0o660); err != nil {
			t.Fatal(err)
		}
		c, err := s.Claim(name)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if c != nil {
			if _, err := key.FetchURL(c.URL); err != nil || !key.Valid(c.Key) || !c.Held() {
				t.Fatalf("%q: claimed %q as %q, %v", b, c.URL, c.Key, err)
			}
			publish(t, c, "bytes")
		}
		left := 0
		for _, st := range []State{Queue, Active, Done, Failed} {
			left += len(ls(t, s, st))
		}
		if left == 0 {
			t.Fatalf("%q: the file is gone", b)
		}
		if len(ls(t, s, Active)) > 0 || len(ls(t, s, Misses)) > 0 || len(ls(t, s, Denied)) > 0 {
			t.Fatalf("%q: active %q, misses %q", b, ls(t, s, Active), ls(t, s, Misses))
		}
	})
}

// FuzzRecover puts any bytes into active/, and Recover takes them away: to
// queue/, with all that they held.
func FuzzRecover(f *testing.F) {
	f.Add([]byte(cudaURL+"\n"), "0123456789abcdef")
	f.Add([]byte("hello"), "xxxxxxxxxxxxxxxx")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, b []byte, worker string) {
		s := quickStore(t)
		name := activeJobName(keyOf(t, cudaURL), worker)
		if !plain(name) || os.WriteFile(s.job(Active, name), b, 0o660) != nil {
			t.Skip()
		}
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := splitActive(name); !ok {
			want(t, s, Active, name)
			return
		}
		got := ls(t, s, Queue)
		if len(got) != 1 || len(ls(t, s, Active)) != 0 {
			if len(b) > maxJobFile {
				t.Skip()
			}
			t.Fatalf("%q: queue %q, active %q", b, got, ls(t, s, Active))
		}
		text, err := os.ReadFile(s.job(Queue, got[0]))
		if err != nil || !bytes.HasPrefix(text, b) {
			t.Fatalf("%q became %q, %v", b, text, err)
		}
	})
}
