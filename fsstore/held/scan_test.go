package held_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
)

// whole is a meta that has every field but history.
const whole = `{
  "url": "https://example.com/a%20b/Tool.run",
  "url_sha256": "0000000000000000000000000000000000000000000000000000000000000001",
  "asked_sha256": "0000000000000000000000000000000000000000000000000000000000000002",
  "asked_url": "https://example.com/a%20b/Tool.run?sig=REDACTED",
  "size": 5,
  "sha256": "0000000000000000000000000000000000000000000000000000000000000003",
  "fetched_at": "2026-11-24T21:27:26Z",
  "origin_digest": "sha-256=:AAAA:, md5=:BBBB:",
  "final_url": "https://cdn.example.com/x",
  "redirects": [
    "https://example.com/a b",
    "https://cdn.example.com/x"
  ],
  "headers": {
    "Content-Type": "application/octet-stream",
    "Etag": "\"683ec-1\\\""
  },
  "ranges": true,
  "notes": [
    "odd"
  ],
  "approved": {
    "via": "web",
    "by": "10.0.0.2",
    "at": "2026-11-24T21:27:20.5+02:00"
  },
  "via": [
    "http://up:3000"
  ],
  "upstream_approved": {
    "via": "cli",
    "at": "2026-11-24T21:27:20Z"
  },
  "misses": 3,
  "misses_at_least": true,
  "claim": "0123456789abcdef"
}
`

// FuzzScan: the quick reading of a meta takes nothing that encoding/json does not take, and finds the
// same in it.
func FuzzScan(f *testing.F) {
	for _, change := range [][2]string{
		{"", ""}, {"\n", ""}, {"  ", "\t"}, {`"misses": 3`, `"misses": 03`}, {`"misses": 3`, `"misses": 3e1`},
		{`"misses": 3`, `"misses": 3, "misses": 4`}, {`"size": 5`, `"Size": 5`}, {`"size": 5`, `"size": -5`},
		{`"notes"`, `"headers": {"A": "b"}, "notes"`}, {"odd", `\u00e9\n`}, {"odd", "é\xff"}, {`"odd"`, ""},
		{`"odd"`, `"odd",`}, {`"odd"`, "null"}, {"true", "tru"}, {"}\n", "}{"}, {"2026-11", "2026-13"},
		{`"url_sha256"`, `"notes"`}, {`"claim"`, `"history"`}, {`"via": "cli"`, `"Via": "cli"`},
	} {
		f.Add([]byte(strings.ReplaceAll(whole, change[0], change[1])))
		f.Add([]byte(strings.Replace(whole, change[0], change[1], 1)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, brief, want fsstore.Meta
		taken := held.ScanMeta(b, &m, false)
		if held.ScanMeta(b, &brief, true) != taken {
			t.Fatalf("%q: a brief one is judged otherwise", b)
		}
		if !taken {
			return
		}
		if err := json.Unmarshal(b, &want); err != nil || !reflect.DeepEqual(m, want) {
			t.Fatalf("%q:\n%+v is not\n%+v, %v", b, m, want, err)
		}
		if brief.URL != m.URL || brief.SHA256 != m.SHA256 || brief.Size != m.Size || !brief.Fetched.Equal(m.Fetched) ||
			brief.Misses != m.Misses || brief.AtLeast != m.AtLeast {
			t.Fatalf("%q: in brief %+v", b, brief)
		}
	})
}

// What a server writes is read the quick way.
func TestOurOwnMetasAreScanned(t *testing.T) {
	var m fsstore.Meta
	if !held.ScanMeta([]byte(whole), &m, false) {
		t.Error("a meta with every field is not")
	}
	for v, i := reflect.ValueOf(m), 0; i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; name != "History" && v.Field(i).IsZero() {
			t.Errorf("%s is not among them", name)
		}
	}
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "x")
	m = fsstore.Meta{}
	b, err := os.ReadFile(storetest.Path(s, "meta", a.Key+".json"))
	if err != nil || !held.ScanMeta(b, &m, false) {
		t.Errorf("%s is not, %v", b, err)
	}
}

// A Reader says of each name what ReadArtifact says.
func TestReaderReadsAsReadArtifactDoes(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "x")
	long := strings.Replace(whole, "odd", strings.Repeat("odd ", 10_000), 1)
	for name, text := range map[string]string{
		"whole.json": whole, "long.json": long, "none.json": "", "no.json": `{"url": 1}`,
		"hand.json": strings.Replace(whole, `"size"`, `"by hand": [null], "SIZE"`, 1),
	} {
		storetest.Must(t, os.WriteFile(storetest.Path(s, "meta", name), []byte(text), 0o660))
	}
	storetest.Must(t, os.Mkdir(storetest.Path(s, "meta", "dir.json"), 0o770))
	storetest.Must(t, os.Symlink("whole.json", storetest.Path(s, "meta", "link.json")))
	storetest.Must(t, syscall.Mkfifo(storetest.Path(s, "meta", "fifo.json"), 0o660))
	r, err := s.NewReader()
	storetest.Must(t, err)
	defer r.Close()
	for _, name := range []string{
		a.Key + ".json", "whole.json", "long.json", "none.json", "no.json", "hand.json", "dir.json", "link.json",
		"fifo.json", "gone.json", "whole.json",
	} {
		want, wantErr := s.ReadArtifact(name)
		got, gotErr := r.Artifact(name)
		if !reflect.DeepEqual(got, want) || (gotErr == nil) != (wantErr == nil) ||
			gotErr != nil && gotErr.Error() != wantErr.Error() {
			t.Errorf("%s: %+v, %v\nReadArtifact: %+v, %v", name, got, gotErr, want, wantErr)
		}
		brief, err := r.Brief(name)
		if want == nil {
			want = &fsstore.Artifact{}
		}
		if (err == nil) != (wantErr == nil) || brief.URL != want.URL || brief.SHA256 != want.SHA256 ||
			brief.Size != want.Size || !brief.Fetched.Equal(want.Fetched) || brief.Misses != want.Misses {
			t.Errorf("%s in brief: %+v, %v", name, brief, err)
		}
	}
}

func BenchmarkMeta(b *testing.B) {
	for name, read := range map[string]func(m *fsstore.Meta) bool{
		"scan":  func(m *fsstore.Meta) bool { return held.ScanMeta([]byte(whole), m, false) },
		"brief": func(m *fsstore.Meta) bool { return held.ScanMeta([]byte(whole), m, true) },
		"json":  func(m *fsstore.Meta) bool { return json.Unmarshal([]byte(whole), m) == nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m fsstore.Meta
				if !read(&m) {
					b.Fatal("no")
				}
			}
		})
	}
}
