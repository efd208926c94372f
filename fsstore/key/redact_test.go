package key

import (
	"strings"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h/a.run":                  "https://h/a.run",
		"https://u:p@h/a":                  "https://h/a",
		"https://u:p@x@h/a":                "https://h/a",
		"https://u:p/q@h/a":                "https://h/a",
		"https://u:p?q#r@h/a":              "https://h/a",
		"ftp://u:p@h/a":                    "ftp://h/a",
		"u:p@h/a":                          "h/a",
		"https://h:80/@a":                  "https://h:80/@a",
		"https://[::1]/@a":                 "https://[::1]/@a",
		"https://h/a?token=x&id=1":         "https://h/a?token=REDACTED&id=1",
		"https://h/a?Sig=x&se=2&sp=r":      "https://h/a?Sig=REDACTED&se=REDACTED&sp=REDACTED",
		"https://h/a?se=2&sp=r":            "https://h/a?se=2&sp=r",
		"https://h/a?sig=":                 "https://h/a?sig=",
		"https://h/a?X%2DAmz-Date=2026&b":  "https://h/a?X%2DAmz-Date=REDACTED&b",
		"https://h/a?x-goog-signature=a;b": "https://h/a?x-goog-signature=REDACTED",
		"https://h/a?Policy=a&Key-Pair-Id=b&Signature=c&Expires=1": "https://h/a?Policy=REDACTED&Key-Pair-Id=REDACTED&Signature=REDACTED&Expires=1",
		"https://h/a?monkey=x&author=y&q=z":                        "https://h/a?monkey=x&author=y&q=z",
		"https://h/a?api_key=x&auth=y&password=z":                  "https://h/a?api_key=REDACTED&auth=REDACTED&password=REDACTED",
		"https://h/a?authkey=x&PHPSESSID=y&SAMLart=z":              "https://h/a?authkey=REDACTED&PHPSESSID=REDACTED&SAMLart=REDACTED",
		"https://h/a#access_token=x&b=c":                           "https://h/a#access_token=REDACTED&b=c",
		"https://h/a?x=1;token=y":                                  "https://h/a?x=1;token=REDACTED",
		"https://h/a?hdnea=exp=1~acl=/*~hmac=ab":                   "https://h/a?hdnea=REDACTED",
		"https://h/a?t=exp=1~acl=/*~hmac=ab":                       "https://h/a?t=exp=1~acl=/*~hmac=REDACTED",
		"https://h/hdnea=exp=1~acl=/*~hmac=ab/f":                   "https://h/hdnea=REDACTED~acl=/*~hmac=REDACTED/f",
		"https://h/a?t=eyJhbGciOiJIUzI1NiJ9.e30.xx":                "https://h/a?t=REDACTED",
		"https://h/eyJhbGciOiJIUzI1NiJ9.e30.xx/f":                  "https://h/REDACTED/f",
		"https://h/a?t=9f86d081884c7d659a2feaa0c55ad015":           "https://h/a?t=REDACTED",
		"https://h/a?9f86d081884c7d659a2feaa0c55ad015":             "https://h/a?REDACTED",
		"https://h/a?commit=9f86d081884c7d659a2feaa0c55ad015":      "https://h/a?commit=9f86d081884c7d659a2feaa0c55ad015",
		"https://h/9f86d081884c7d659a2feaa0c55ad015/f":             "https://h/9f86d081884c7d659a2feaa0c55ad015/f",
		"https://h/a?f=cuda_12.9.0_575.51.03_linux-x86_64.run":     "https://h/a?f=cuda_12.9.0_575.51.03_linux-x86_64.run",
		"https://h/a?url=https://u:p@x/y":                          "https://h/a?url=https://x/y",
		"https://h/a?url=https%3A%2F%2Fu:p%40x%2Fy":                "https://h/a?url=REDACTED",
		"https://h/a?url=https%3A%2F%2Fx%2Fy%3Fsig%3Dz":            "https://h/a?url=REDACTED",
		"https://h/a?url=https%3A%2F%2Fx%2Fy":                      "https://h/a?url=https%3A%2F%2Fx%2Fy",
		"https://web/https://u:p@x/y?sig=a":                        "https://web/https://x/y?sig=REDACTED",
		"https://h/a?token=https://u:p@x/y":                        "https://h/a?token=REDACTED",
		"a\n\x00ä":                                                 "a%0A%00%C3%A4",
		"":                                                         "",
	} {
		if got := Redact(raw); got != want {
			t.Errorf("Redact(%q)\n got %q\nwant %q", raw, got, want)
		}
	}
}

func TestRedactText(t *testing.T) {
	for s, want := range map[string]string{
		`Get "https://u:p@h/a?sig=x": dial tcp 10.0.0.1:443: refused`: `Get "https://h/a?sig=REDACTED": dial tcp 10.0.0.1:443: refused`,
		"two\nhttps://u@h/\thttps://h/?token=x":                       "two https://h/ https://h/?token=REDACTED",
		"write to bob@example.com at 12:30:45":                        "write to bob@example.com at 12:30:45",
		"Location: /x?sig=a&b=c":                                      "Location: /x?sig=REDACTED&b=c",
		"<a href=\"https://h/?key=a&amp;sig=b\">":                     "<a href=\"https://h/?key=REDACTED&amp;sig=REDACTED\">",
		"Authorization: Bearer x y\nHost: h":                          "Authorization: REDACTED Host: h",
		"sent set-cookie: a=b; Path=/":                                "sent set-cookie: REDACTED",
		"the host wants credentials: put them":                        "the host wants credentials: put them",
		"503 Service Unavailable, after 2026-11-22T21:33:40Z":         "503 Service Unavailable, after 2026-11-22T21:33:40Z",
	} {
		if got := RedactText(s); got != want {
			t.Errorf("RedactText(%q)\n got %q\nwant %q", s, got, want)
		}
	}
}

// TestHoldsToken has made-up tokens: each of them is of the form, and none was ever given out.
func TestHoldsToken(t *testing.T) {
	abc := strings.Repeat("aB3", 12)
	for _, part := range []string{
		"bot123456:" + abc + "/getFile", "ghp_" + abc, "x/gho_" + abc + "/y", "?p=ghu_" + abc, "?ghs_" + abc, "?a=1&b=github_pat_" + abc, "?p=glpat-" + abc,
		"?x=xoxb-" + abc, "xoxp-1-" + abc, "?q=AKIA" + strings.Repeat("Z9", 8), "AKIA" + strings.Repeat("Z9", 8) + "/a", "?p=hf_" + abc, "?u=a%2Fghp%5F" + abc,
		"?u=a%252Fghp_" + abc, "a,hf_" + abc, "bot1%3A" + abc + "/a",
	} {
		if !HoldsToken("https://h.example/" + part) {
			t.Errorf("%s is none", part)
		}
	}
	for _, part := range []string{
		"", "ghp_tool-1.2.tar.gz", "hf_transfer-0.1.9-cp38-abi3-manylinux_2_17_x86_64.whl", "AKIAB.iso", "AKIA" + strings.Repeat("Z9", 9), "robot1:2/a", "bot/1:2", "bots1/a",
		"blobs/sha256:" + abc, "x" + "ghp_" + abc, "xoxb-1", "?q=aKIA" + strings.Repeat("Z9", 8), abc,
	} {
		if HoldsToken("https://h.example/" + part) {
			t.Errorf("%s is taken for one", part)
		}
	}
}

func TestRedactIsLinear(t *testing.T) {
	for _, unit := range []string{"://", "http://", "?a=%2525", "a=://", "@", "&sig=", "a:b@", ";~,/", "?#", "%3A%2F%2F", "eyJ.", "a b"} {
		s := strings.Repeat(unit, 1<<20/len(unit))
		begin := time.Now()
		if n := len(Redact(s)); n > MaxURL+3 {
			t.Errorf("%q: %d bytes", unit, n)
		}
		if n := len(RedactText(s)); n > MaxURL+3 {
			t.Errorf("%q: text of %d bytes", unit, n)
		}
		if d := time.Since(begin); d > 30*time.Second { // a quadratic one takes minutes
			t.Errorf("%q: 1 MiB took %v", unit, d)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"https://u:p@h/a?sig=x&se=1#access_token=y", "a://b://c://d://e://f?g=h://i", "https://h/?url=https%3A%2F%2Fu%3Ap%40h", "https://u:p/@h", "\x00%%%zz",
		"https://h/get?url=http://u:p@k/y", "https://h/http://u:p@k/y.run",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := Parse(s, Keep); err == nil && Redact(u.String()) != u.String() && !IsRedacted(Redact(u.String())) {
			t.Fatalf("%q is shown as %q, which passes for another URL", u, Redact(u.String()))
		}
		for _, got := range []string{Redact(s), RedactText(s), Redact("https://h/?token=" + s)} {
			if len(got) > MaxURL+3 || strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				t.Fatalf("%q: %q", s, got)
			}
		}
		if !strings.ContainsAny(s, "&#?") && s != "" {
			got := Redact("https://h/?token=" + s)
			if got != "https://h/?token=REDACTED" {
				t.Fatalf("%q: %q", s, got)
			}
			if !IsRedacted(got) {
				t.Fatalf("%q passes for a URL", got)
			}
		}
		if !strings.ContainsAny(s, "@/?#") {
			if got := Redact("https://" + s + "@h/"); got != "https://h/" {
				t.Fatalf("%q: %q", s, got)
			}
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	const raw = "https://user@h.example/compute/cuda_12.9_linux.run?X-Amz-Signature=0123456789abcdef&X-Amz-Date=20261122T212726Z&versionId=1"
	b.ReportAllocs()
	for b.Loop() {
		Redact(raw)
	}
}

func TestSameButSigned(t *testing.T) {
	const u = "https://h/f.run?model=a&Expires=1700000000&Signature=old&Key-Pair-Id=k"
	for other, want := range map[string]bool{
		u: true,
		"https://h/f.run?model=a&Expires=1800000000&Signature=new&Key-Pair-Id=l": true,
		"https://h/f.run?model=a":                                                  true,
		"https://h/f.run?model=a&Expires=1800000000&Signature=new":                 false,
		"https://h/f.run?model=b&Expires=1700000000&Signature=old&Key-Pair-Id=k":   false,
		"https://h/f.run?Expires=1700000000&Signature=old&Key-Pair-Id=k":           false,
		"https://h/f.run?model=a&Expires=never&Signature=old&Key-Pair-Id=k":        false,
		"https://h/f.run?model=a&Expires=REDACTED&Signature=REDACTED&Key-Pair-Id=": false,
		"https://h/f.run": false,
		"h":               false,
	} {
		if got := SameButSignature(u, other); got != want || got != SameButSignature(other, u) {
			t.Errorf("%s: %v", other, got)
		}
	}
	for _, name := range []string{"exp", "expire", "Expires", "h", "token", "sig", "t", "key", "st"} {
		if SameButSignature("https://h/f.run?"+name+"=1700000000", "https://h/f.run?"+name+"=1800000000") {
			t.Errorf("%s alone is taken for a signature", name)
		}
	}
}

func TestRedactApart(t *testing.T) {
	a, b := RedactDistinct("https://h/f?token=one&v=1"), RedactDistinct("https://h/f?token=two&v=1")
	if a == b || a != RedactDistinct("https://h/f?token=one&v=1") || len(a) != len("https://h/f?token=REDACTED-0123&v=1") || !strings.HasPrefix(a, "https://h/f?token=REDACTED-") {
		t.Error(a, b)
	}
	if !IsRedacted(a) || RedactDistinct(a) != a || Redact(a) != "https://h/f?token=REDACTED&v=1" {
		t.Errorf("%s is redacted again as %s", a, RedactDistinct(a))
	}
	if got := RedactDistinct("https://h/f?v=1"); got != "https://h/f?v=1" {
		t.Error(got)
	}
}
