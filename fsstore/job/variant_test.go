package job

import (
	"fmt"
	"strings"
	"testing"
)

func TestVariants(t *testing.T) {
	const at = "2026-11-22T21:27:0"
	j := one(t, "https://h/a?s=0\n"+at+"0Z miss 10.0.0.1 curl/8\n"+at+"1Z miss x2 10.0.0.2 wget/1 https://h/a?s=1\n"+at+"2Z miss 10.0.0.3 curl/8\n"+
		at+"3Z miss x3 10.0.0.4 curl/8 https://h/a?s=1\n"+at+"4Z approve web 10.0.0.9 https://h/a?s=2\n")
	var got []string
	for _, v := range j.Variants() {
		got = append(got, fmt.Sprint(v.URL, " ", v.Addr, " ", v.Tool, " ", v.N))
	}
	if s := strings.Join(got, "; "); s != "https://h/a?s=0 10.0.0.1 curl/8 2; https://h/a?s=1 10.0.0.2 wget/1 5; https://h/a?s=2   0" {
		t.Error(s)
	}
}

func TestDifferences(t *testing.T) {
	for urls, want := range map[string]string{
		"http://h/a":                            "",
		"http://h/a?x=1 http://h/a?x=2":         "x",
		"http://h/a?x=1&y=2 http://h/a?y=3&x=1": "y",
		"http://h/a http://h/a?x=1":             "x",
		"http://h/a?x=1&x=2 http://h/a?x=2&x=1": "",
		"http://h/a?SECRET http://h/a?OTHER":    "one without a name",
		"http://h/a?b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1 http://h/a?b=2&c=2&d=2&e=2&f=2&g=2&h=2&i=2&j=2": "b, c, d, e, f, g, h, i, …",
	} {
		var list []Variant
		for _, u := range strings.Fields(urls) {
			list = append(list, Variant{URL: u})
		}
		if got := strings.Join(Differences(list), ", "); got != want {
			t.Errorf("%s: %q", urls, got)
		}
	}
}
