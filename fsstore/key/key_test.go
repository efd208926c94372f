package key

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	tests := []struct{ raw, auto, keep, drop string }{
		{"http://h", "http://h/", "", ""},
		{"HTTP://H.Example.COM/A/b", "http://h.example.com/A/b", "", ""},
		{"https://user:pw@h/a", "https://h/a", "", ""},
		{"https://a@b@h/a", "https://h/a", "", ""},
		{"https://h:443/a", "https://h/a", "", ""},
		{"http://h:443/a", "http://h:443/a", "", ""},
		{"http://h:80/a", "http://h/a", "", ""},
		{"http://h:/a", "http://h/a", "", ""},
		{"http://h:0080/a", "http://h/a", "", ""},
		{"http://h:08080/a", "http://h:8080/a", "", ""},
		{"http://[2001:DB8::1]:81/a", "http://[2001:db8::1]:81/a", "", ""},
		{"http://[::1]/a", "http://[::1]/a", "", ""},
		{"http://h/a#b?c", "http://h/a", "", ""},
		{"http://h#b/c", "http://h/", "", ""},
		{"http://h/?", "http://h/", "", ""},
		{"http://h/f.run?", "http://h/f.run", "", ""},
		{"http://h?a=b", "http://h/?a=b", "", "http://h/"},
		{"http://h?a/../b", "http://h/?a/../b", "", "http://h/"},
		{"http://h/%7e%zz%", "http://h/%7e%zz%", "", ""},
		{"http://h/%2e%2E/a", "http://h/%2e%2E/a", "", ""},
		{"http://h/a//b", "http://h/a//b", "", ""},
		{"http://h/a/./b/../c/%2e", "http://h/a/c/%2e", "", ""},
		{"http://h/../../a", "http://h/a", "", ""},
		{"http://h/a/..", "http://h/", "", ""},
		{"http://h/a/b/..", "http://h/a/", "", ""},
		{"http://h/a/b/.", "http://h/a/b/", "", ""},
		{"http://h/.", "http://h/", "", ""},
		{"http://h/..", "http://h/", "", ""},
		{"http://h/a//../b", "http://h/a/b", "", ""},
		{"http://h/.a/..b/...", "http://h/.a/..b/...", "", ""},

		{"https://h/cuda.run?t=abc", "https://h/cuda.run?t=abc", "", "https://h/cuda.run"},
		{"https://h/f.zip?a=1&Version=2&b&ARCH=x&path", "", "", "https://h/f.zip"},
		{"https://h/f.zip?id=1?x", "https://h/f.zip?id=1?x", "", "https://h/f.zip"},
		{"https://h/f?a=1&sig=x&se=2026-01-01&sp=r&b", "https://h/f?a=1&b", "https://h/f?a=1&sig=x&se=2026-01-01&sp=r&b", "https://h/f"},
		{"https://h/f?sig=x&se=2026-01-01&sp=r&", "https://h/f", "https://h/f?sig=x&se=2026-01-01&sp=r&", "https://h/f"},
		{"https://h/f?&&sig=x&se=2026-01-01&sp=r", "https://h/f?&", "https://h/f?&&sig=x&se=2026-01-01&sp=r", "https://h/f"},
		{"https://h/download?file=cuda.run&t=a", "https://h/download?file=cuda.run&t=a", "", "https://h/download"},
	}
	for _, tt := range tests {
		for rule, want := range []string{tt.auto, tt.keep, tt.drop} {
			want = cmp.Or(want, tt.auto, tt.raw)
			u, err := Parse(tt.raw, Rule(rule))
			if err != nil || u.String() != want {
				t.Errorf("Parse(%q, %d) = %q, %v; want %q", tt.raw, rule, u, err, want)
			}
		}
		want := cmp.Or(tt.keep, tt.auto, tt.raw)
		if got, err := FetchURL(tt.raw); err != nil || got != want {
			t.Errorf("FetchURL(%q) = %q, %v; want %q", tt.raw, got, err, want)
		}
	}
}

func TestNamesFile(t *testing.T) {
	for p, want := range map[string]bool{
		"cuda.run": true, "foo.tar.gz": true, "a.Z": true, "a.RPM": true, "f.deb;v=1": true, "a.b12345678": true, "x.tar.": false,
		"":     false,
		"v1.2": false, "x.": false, ".zip": false, "foo%2Erun": false, "a.7z": false, "a.b1234567890": false,
		"a.php": false, "a.PHP": false, "a.cgi": false, "a.asp": false, "a.aspx": false, "a.jsp": false, "a.do": false,
		"a.action": false, "a.php;x": false, "a.php5": true, "a.r-m": false, "a.;": false, "a;b.run": true, "..run": true,
	} {
		raw := "http://h/" + p + "?q"
		u, err := Parse(raw, Old)
		if err != nil || u.QueryDropped() != want {
			t.Errorf("%q: dropped = %v, %v; want %v", p, u.QueryDropped(), err, want)
		}
		if want == strings.HasSuffix(u.String(), "?q") {
			t.Errorf("%q: QueryDropped = %v, but the URL is %s", p, want, u)
		}
	}
	if u, _ := Parse("http://h/foo.tar.gz/?q", Old); u.QueryDropped() {
		t.Error("a segment before the last counts as a file")
	}
}

func TestQueryDropped(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://h/a.run": false, "http://h/a.run?": false, "http://h/a.run?id=1": false, "http://h/a.run?id=1&t=2": true,
		"http://h/a.run?t": true, "http://h/a?t": false,
	} {
		if u, _ := Parse(raw, Old); u.QueryDropped() != want {
			t.Errorf("%s: %v", raw, !want)
		}
		if u, _ := Parse(raw, Auto); u.QueryDropped() {
			t.Errorf("%s: what is no signature is dropped", raw)
		}
	}
	if u, _ := Parse("http://h/a?t", Drop); !u.QueryDropped() {
		t.Error("Drop drops nothing")
	}
}

func TestBadURL(t *testing.T) {
	for _, raw := range []string{
		"", "h/a", "ftp://h/a", "http:/h", "http:h", "//h/a", "file:///etc/passwd", "http://", "https:///a", "http://@/a", "http://?a",
		"http://:80/", "http://h:0/", "http://h:65536/", "http://h:99999999999999999999/", "http://h:8a/", "http://h:+80/", "http://a:b:1/",
		"http://h /a", "http://h/a b", "http://h/\x7f", "http://h/\x00", "http://h/ä", "http://h/#ä", " http://h/", "http://h/\n",
		"http://h%41/", "http://h\\a/", "http://h,a/", "http://h*/", "http://[::1/", "http://[::1", "http://[", "http://[]/", "http://::1/",
		"http://[1.2.3.4]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1]a/", "http://[::1]]/", "http://../a", "http://-/",
		"http://h/" + strings.Repeat("a", MaxURL),
		"http://" + strings.Repeat("a.", 126) + "aa/", "http://" + strings.Repeat("a.", 4000) + "a/", "http://" + strings.Repeat("a", 64) + ".h/",
		"http://h." + strings.Repeat("a", 64) + "/", "http://h" + strings.Repeat(".", 254) + "/",
	} {
		u, err := Parse(raw, Auto)
		var e *Error
		if !errors.Is(err, ErrBadURL) || !errors.As(err, &e) || e.Why == "" || u != (URL{}) {
			t.Errorf("Parse(%.40q) = %q, %v", raw, u, err)
		}
		if s, err := FetchURL(raw); !errors.Is(err, ErrBadURL) || s != "" {
			t.Errorf("FetchURL(%.40q) = %q, %v", raw, s, err)
		}
	}
	longest := "http://h/" + strings.Repeat("a", MaxURL-len("http://h/"))
	for _, raw := range []string{longest, "http://" + strings.Repeat("a.", 126) + "a/", "http://" + strings.Repeat("a.", 126) + "a.:8080/", "http://h." + strings.Repeat("a", 63) + "./"} {
		if _, err := Parse(raw, Auto); err != nil {
			t.Errorf("%.40s: %v", raw, err)
		}
	}
}

func TestKey(t *testing.T) {
	long, host := strings.Repeat("x", 300), strings.Repeat(strings.Repeat("x", 49)+".", 5)+"com"
	tests := []struct{ raw, want string }{ // want without "--" and the hash
		{"https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run", "developer.download.nvidia.com--cuda_12.9_linux.run"},
		{"http://h:8080/a+b%20c~.run", "h_8080--a+b_20c_.run"},
		{"http://h/", "h--index"},
		{"http://h/a/?x", "h--index"},
		{"http://[::1]:81/a", "___1__81--a"},
		{"http://.a/..b", "_a--..b"},
		{"http://-a/-b", "_a---b"},
		{"http://" + host + "/" + long + "-0123456789abcdef.run", host[:80] + "--" + long[:60] + "0123456789abcdef.run"},
		{"http://h/last.bin;jsessionid=x", "h--last.bin_jsessionid_REDACTED"},
		{"http://h/token=x", "h--token_REDACTED"},
		{"http://h/eyJhbGciOiJIUzI1NiJ9.e30.xx", "h--REDACTED"},
		{"http://h/version=2", "h--version_2"},
		{"http://h/" + long + ".tar.gz", "h--" + long[:139] + long[:13] + ".tar.gz"},
	}
	for _, tt := range tests {
		u, err := Parse(tt.raw, Auto)
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256([]byte(u.String()))
		full := hex.EncodeToString(sum[:])
		if want := tt.want + "--" + full[:32]; u.Key() != want {
			t.Errorf("%.60s: key %s, want %s", tt.raw, u.Key(), want)
		}
		if want := tt.want + "--" + full[:16]; u.OldKey() != want || !Valid(want) || !IsOld(want) || IsOld(u.Key()) {
			t.Errorf("%.60s: old key %s, want %s", tt.raw, u.OldKey(), want)
		}
		if u.Sum() != full || !Valid(u.Key()) || len(u.Key()) > 196 {
			t.Errorf("%.60s: sum %s, key %s", tt.raw, u.Sum(), u.Key())
		}
	}
	if z := (URL{}); z.Key() != "" || z.OldKey() != "" || z.Sum() != "" || z.Host() != "" || z.String() != "" {
		t.Error("the zero URL has a name")
	}
}

func TestValid(t *testing.T) {
	const h, h32 = "--3f1c9a0be27d4455", "--3f1c9a0be27d44553f1c9a0be27d4455"
	for name, want := range map[string]bool{
		"developer.download.nvidia.com--cuda_12.9_linux.run" + h: true, "a--b" + h: true, "a" + h: true, "_+A" + h: true,
		h: false, "": false, "-" + h: false, "-a" + h: false, ".a" + h: false, "a/b" + h: false, "a b" + h: false, "a" + strings.ToUpper(h): false,
		"a" + h[1:]: false, "a--3f1c9a0be27d445": false, "a--3f1c9a0be27d4455.job": false, "a--3f1c9a0be27d445g": false, "ä" + h: false,
		"a" + h32: true, h32: false, "-a" + h32: false, "a" + h32[1:]: false, "a" + h32[:33]: false, "a" + strings.ToUpper(h32): false, "a" + h32 + "0": false,
		strings.Repeat("a", 162) + h32: true, strings.Repeat("a", 163) + h32: false,
		strings.Repeat("a", 162) + h: true, strings.Repeat("a", 163) + h: false, "a@b" + h: false, "a\n" + h: false,
	} {
		if Valid(name) != want {
			t.Errorf("Valid(%q) = %v", name, !want)
		}
	}
}

func TestParts(t *testing.T) {
	for raw, want := range map[string][2]string{
		"http://H.Example:81/a/B%2f.run?x": {"h.example", "B%2f.run"},
		"http://h./":                       {"h", ""},
		"http://h..:80/a/..":               {"h", ""},
		"http://[2001:DB8:0::1]:81/..%2f":  {"2001:db8::1", "..%2f"},
		"http://[::ffff:10.0.0.1]/a?b/c":   {"10.0.0.1", "a"},
	} {
		u, err := Parse(raw, Auto)
		if err != nil || u.Host() != want[0] || u.Basename() != want[1] {
			t.Errorf("%s: host %q, basename %q, %v", raw, u.Host(), u.Basename(), err)
		}
	}
}

func TestHasUserInfo(t *testing.T) {
	for raw, want := range map[string]bool{
		"https://u:p@h/": true, "HTTP://u@h": true, "https://@h/": true, "https://h/@a": false, "https://h?@": false, "https://h#@": false,
		"ftp://u@h/": false, "": false, "https://": false,
	} {
		if HasUserInfo(raw) != want {
			t.Errorf("HasUserInfo(%q) = %v", raw, !want)
		}
	}
}

// dotSegments is RFC 3986, 5.2.4, word for word.
func dotSegments(in string) string {
	out := ""
	for in != "" {
		switch {
		case strings.HasPrefix(in, "../"):
			in = in[3:]
		case strings.HasPrefix(in, "./"):
			in = in[2:]
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"), in == "/..":
			in = "/" + strings.TrimPrefix(in[3:], "/")
			out = out[:max(strings.LastIndexByte(out, '/'), 0)]
		case in == "." || in == "..":
			in = ""
		default:
			n := strings.IndexByte(in[1:], '/') + 1
			if n == 0 {
				n = len(in)
			}
			out, in = out+in[:n], in[n:]
		}
	}
	return out
}

func TestDotSegments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := []byte("/")
		for range rnd.IntN(14) {
			b = append(b, "//..ab"[rnd.IntN(6)])
		}
		if got, want := string(appendPath([]byte("/x"), string(b)))[2:], dotSegments(string(b)); got != want {
			t.Fatalf("%s: got %s, want %s", b, got, want)
		}
	}
}

// check holds what every parsed URL promises.
func check(t *testing.T, raw string, rule Rule) {
	u, err := Parse(raw, rule)
	fetch, ferr := FetchURL(raw)
	if (err == nil) != (ferr == nil) {
		t.Fatalf("%q: Parse says %v, FetchURL %v", raw, err, ferr)
	}
	if err != nil {
		return
	}
	if again, err := Parse(u.String(), rule); err != nil || again.String() != u.String() || again.QueryDropped() {
		t.Fatalf("%q: %q is not normalised: %q, %v", raw, u, again, err)
	}
	if again, err := Parse(fetch, rule); err != nil || again.Key() != u.Key() {
		t.Fatalf("%q: FetchURL %q has another key", raw, fetch)
	}
	if k := u.Key(); !Valid(k) || path.Base(k) != k {
		t.Fatalf("%q: key %q", raw, k)
	}
	if h := u.Host(); h == "" || strings.ContainsAny(h, "/\x00") || h == "." || h == ".." {
		t.Fatalf("%q: host %q", raw, h)
	}
	if b := u.Basename(); strings.ContainsRune(b, '/') || b == "." || b == ".." {
		t.Fatalf("%q: basename %q", raw, b)
	}
	if HasUserInfo(u.String()) || HasUserInfo(fetch) {
		t.Fatalf("%q: user-info in %q", raw, u)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run?t=a", "http://u:p@[::1]:0080/a/../b.zip?id=1&x#f",
		"http://h/.%2e/..", "https://h:443?a", "http://a://b@c/",
	} {
		for r := range 4 {
			f.Add(s, uint8(r))
		}
	}
	f.Fuzz(func(t *testing.T, raw string, rule uint8) {
		check(t, raw, Rule(rule%4))
	})
}

func BenchmarkParseKey(b *testing.B) {
	const plain = "https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run"
	for name, raw := range map[string]string{
		"plain": plain,
		"signed": plain + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=" +
			strings.Repeat("0a", 32) + "&X-Amz-Date=20261122T212726Z&versionId=1",
		"query": plain + "?path=a&ref=main&inline=false",
		"dots":  "https://Host:443/a/./b/../c/" + strings.Repeat("d", 200) + ".run",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				u, err := Parse(raw, Auto)
				if err != nil || u.Key() == "" {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleURL_Key() {
	u, _ := Parse("https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run?h=20240115", Auto)
	fmt.Println(u)
	fmt.Println(u.Key())
	// Output:
	// https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run?h=20240115
	// developer.download.nvidia.com--cuda_12.9_linux.run--c7cabfa45ef0f4883d13fb5e163511cc
}

func TestRedactVendorsTickets(t *testing.T) {
	for _, q := range []string{"code=c4nary", "_gda_=17_c4nary", "h=c4nary&e=3", "md5=c4nary&expires=1", "refresh=c4nary", "file=b&ticket=c4nary", "__gda__=c4nary"} {
		if got := Redact("https://h/x.run?" + q); strings.Contains(got, "c4nary") {
			t.Errorf("%s: %s", q, got)
		}
	}
}
