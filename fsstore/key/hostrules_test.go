package key

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOwn(t *testing.T) {
	const sas = "sig=a&se=2026-11-28&sp=r"
	for _, tt := range []struct{ lines, query, want, flaws string }{
		{"", "t=1&h=2", "?t=1&h=2", ""},
		{"drop t", "t=1&h=2", "?h=2", ""},
		{"drop t", "t&T=1&tt=2&x=t", "?T=1&tt=2&x=t", ""},
		{"drop t", "t=1&t=2", "", ""},
		{"drop t", "%74=1", "?%74=1", ""},
		{"# why\n\n  drop\tt \r\ndrop h # here\n", "t=1&h=2&k=3", "?k=3", ""},
		{"drop all", "t=1&h=2&" + sas, "", ""},
		{"drop all\nkeep h", "t=1&h=2&" + sas, "?h=2", ""},
		{"keep h\ndrop h", "h=2", "?h=2", ""},
		{"keep sig", "h=2&" + sas, "?h=2&sig=a", ""},
		{"keep all", "h=2&" + sas, "?h=2&" + sas, ""},
		{"keep all\ndrop all", "h=2&" + sas, "?h=2&" + sas, ""},
		{"drop", "t=1", "?t=1", "1"},
		{"drop t h", "t=1&h=1", "?t=1&h=1", "1"},
		{"Drop t\ndelete t\n\ndrop t=1\ndrop a&b\ndrop \x00\ndrop h", "t=1&h=1", "?t=1", "1 2 4 5 6"},
		{"drop t", strings.Repeat("t&", 100) + "h", "?" + strings.Repeat("t&", 100) + "h", ""},
		{"drop all", strings.Repeat("t&", 100) + "h", "", ""},
	} {
		own, flaws := ParseHostRules(tt.lines)
		var lines []string
		for _, f := range flaws {
			if f.Why == "" {
				t.Errorf("%q: a flaw without a reason", tt.lines)
			}
			lines = append(lines, fmt.Sprint(f.N))
		}
		if got := strings.Join(lines, " "); got != tt.flaws {
			t.Errorf("%q: flaws in lines %q, want %q", tt.lines, got, tt.flaws)
		}
		u, err := ParseWith("https://h/f.run?"+tt.query, own)
		if err != nil || u.String() != "https://h/f.run"+tt.want {
			t.Errorf("%q: %s is %s, %v; want %s", tt.lines, tt.query, u, err, tt.want)
		}
		if u.Whole() != "https://h/f.run?"+tt.query {
			t.Errorf("%q: whole it is %s", tt.query, u.Whole())
		}
		if again, err := ParseWith(u.String(), own); err != nil || again.String() != u.String() {
			t.Errorf("%q: %s is not normalised", tt.lines, u)
		}
	}
	a, _ := ParseHostRules("drop t")
	b, _ := ParseHostRules("drop h\nkeep t")
	for _, both := range []*HostRules{a.Join(b), b.Join(a)} {
		if u, _ := ParseWith("https://h/f?t=1&h=2", both); u.String() != "https://h/f?t=1" {
			t.Error(u)
		}
	}
	if a.Join(nil) != a || (*HostRules)(nil).Join(a) != a {
		t.Error("nothing says something")
	}
}

// What a rule that was may have made of a URL is among its variants.
func TestVariants(t *testing.T) {
	const whole = "https://h/f.run?version=1&t=2&h=3&sig=a&se=2026-11-28&sp=r"
	var got []string
	for v := range mustParse(t, whole).Variants() {
		if v.Sum() != mustKeep(t, v.String()).Sum() || v.Key() != mustKeep(t, v.String()).Key() {
			t.Errorf("%s has another's name", v)
		}
		got = append(got, strings.TrimPrefix(v.String(), "https://h/f.run"))
	}
	for _, want := range []string{
		"?version=1&t=2&h=3", "?version=1&t=2&h=3&sig=a&se=2026-11-28&sp=r", "?version=1", "", "?t=2&h=3", "?version=1&h=3", "?version=1&t=2", "?t=2", "?h=3",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	for range mustParse(t, "https://h/f.run").Variants() {
		t.Error("a URL without a query has a variant")
	}
	n := 0
	for range mustParse(t, "https://h/f.run?"+strings.Repeat("a=1&", 2000)+"b").Variants() {
		n++
	}
	if n > 4+someParams {
		t.Errorf("%d variants", n)
	}
}

func mustParse(t *testing.T, raw string) URL {
	u, err := Parse(raw, Auto)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustKeep(t *testing.T, raw string) URL {
	u, err := Parse(raw, Keep)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestLeftOut(t *testing.T) {
	own, _ := ParseHostRules("drop t\nkeep se")
	got := fmt.Sprint(DroppedParams("https://h/f?v=1&t=secret&sig=a&se=2026-11-28&sp=r", own))
	if want := "[{t an operator's line} {sig Azure shared access signature} {sp Azure shared access signature}]"; got != want {
		t.Error(got)
	}
	if got := DroppedParams("https://h/f?v=1", nil); got != nil {
		t.Error(got)
	}
}

// Whatever lines say, what is left of a URL is a part of it, is its own normal form, and holds what
// is to be kept.
func FuzzOwn(f *testing.F) {
	f.Add("drop t\nkeep sig\n", "t=1&sig=a&se=2026-11-28&sp=r&h=2")
	f.Add("drop all\nkeep h # and no more", "t=1&h=2&h=3&&%68=4")
	f.Add("Drop t\nkeep all\n\x00", "t")
	f.Fuzz(func(t *testing.T, lines, query string) {
		own, flaws := ParseHostRules(lines)
		if n := strings.Count(lines, "\n") + 1; len(flaws) > n {
			t.Fatalf("%d flaws in %d lines", len(flaws), n)
		}
		u, err := ParseWith("https://h/f?"+query, own)
		if err != nil {
			return
		}
		if !subsequence(u.String(), u.Whole()) {
			t.Fatalf("%q: %s is nothing that is left of %s", lines, u, u.Whole())
		}
		if again, err := ParseWith(u.String(), own); err != nil || again.String() != u.String() {
			t.Fatalf("%q: %s is not normalised: %s, %v", lines, u, again, err)
		}
		_, whole, _ := strings.Cut(u.Whole(), "?")
		for p := range strings.SplitSeq(whole, "&") {
			if name, _, _ := strings.Cut(p, "="); p != "" && own.keeps(name) && !subsequence("https://h/f?"+p, u.String()) {
				t.Fatalf("%q: %s lacks %s", lines, u, p)
			}
		}
	})
}
