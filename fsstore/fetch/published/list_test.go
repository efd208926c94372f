package published

import (
	"slices"
	"strings"
	"testing"
)

func TestSumsIn(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("1a", 32), strings.Repeat("2b", 32)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"GNU", two + "  other.run\n" + one + "  x y.run\n", []string{one}},
		{"GNU, binary", one + " *x y.run\r\n", []string{one}},
		{"BSD", "MD5 (x y.run) = 00\nSHA256 (x y.run) = " + strings.ToUpper(one) + "\n", []string{one}},
		{"OpenSSL", "SHA256(x y.run)= " + one + "\n", []string{one}},
		{"signed", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + one + "  ./x y.run\n-----BEGIN PGP SIGNATURE-----\n\n", []string{one}},
		{"a byte order mark", "\ufeff" + one + "  x y.run\n", []string{one}},
		{"its path", one + "  pool/main/x y.run\n", []string{one}},
		{"another path", one + "  sub/x y.run\n", nil},
		{"another name", one + "  xx y.run\n" + two + "  x y.run.asc\n", nil},
		{"twice the same", one + "  x y.run\n" + one + " *x y.run\n", []string{one}},
		{"ambiguous", one + "  x y.run\n" + two + "  x y.run\n", []string{one, two}},
		{"SHA-1", one[:40] + "  x y.run\n", nil},
		{"SHA-512", one + one + "  x y.run\n", nil},
		{"BSD of another kind", "SHA512 (x y.run) = " + one + "\n", nil},
		{"a page", "<html><body>" + one + "  x y.run</body>\n", nil},
		{"a name with a line end", `\` + one + "  x y.run\n", nil},
		{"a directory", one + "  /\n" + one + "  main/\n", nil},
		{"empty", "", nil},
	} {
		if got := sumsIn(c.text, "/pool/main/x y.run", true); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	for text, want := range map[string][]string{
		one + "\n": {one}, one: {one}, one + "\n" + two + "\n": nil, one + "\nnot found\n": nil, one + "  other\n": nil,
	} {
		if got := sumsIn(text, "/x", false); !slices.Equal(got, want) {
			t.Errorf("alone: %q: %q", text, got)
		}
		if got := sumsIn(text, "/x", true); got != nil {
			t.Errorf("in a list: %q: %q", text, got)
		}
	}
}

func FuzzSumsIn(f *testing.F) {
	f.Add(strings.Repeat("1a", 32)+"  x\n", "/a/x")
	f.Add("SHA256 (x) = "+strings.Repeat("1a", 32), "/x")
	f.Fuzz(func(t *testing.T, text, path string) {
		for _, sum := range sumsIn(text, path, false) {
			if !bareLine.MatchString(sum) || !strings.Contains(strings.ToLower(text), sum) {
				t.Errorf("%q", sum)
			}
		}
	})
}
