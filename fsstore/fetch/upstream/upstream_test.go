package upstream

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"fromcache/fsstore/fetch/client"
)

func TestParseBase(t *testing.T) {
	for raw, want := range map[string]string{
		"http://cache:3000":            "http://cache:3000",
		"https://lab.example/tools/c/": "https://lab.example/tools/c",
		"http://[::1]:3000/":           "http://[::1]:3000",
		"cache:3000":                   "",
		"ftp://cache":                  "",
		"http://":                      "",
		"http://a:b@cache":             "",
		"http://cache/?x=1":            "",
		"http://cache/#x":              "",
	} {
		got, err := parseBase(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "a:b") {
			t.Errorf("a password is told: %v", err)
		}
	}
}

func TestVerdictOf(t *testing.T) {
	for field, want := range map[string]string{
		"fromcache; fwd=uri-miss; detail=queued":                                        "queued",
		"fromcache;fwd=uri-miss;detail=active":                                          "active",
		"fromcache; fwd=uri-miss; detail=queued, edge.example; fwd=miss; detail=stored": "queued",
		"edge.example; fwd=miss; detail=stored":                                         "",
		"fromcache; hit":                                                                "",
		"":                                                                              "",
	} {
		if got := verdictOf(http.Header{"Cache-Status": {field}}); got != want {
			t.Errorf("%q: %q", field, got)
		}
	}
}

func answerWith(name, value string) *client.Answer {
	return &client.Answer{Response: &http.Response{Header: http.Header{name: {value}}}}
}

func TestApprovedBy(t *testing.T) {
	by := ApprovedBy(answerWith("X-Fromcache-Approved", `web;by="10.0.0.7";at=@1795383086`))
	if by == nil || by.Via != "web" || by.Addr != "10.0.0.7" || by.Time.Unix() != 1795383086 {
		t.Errorf("%+v", by)
	}
	for _, bad := range []string{
		"", "web", ";at=@1", "web;at=@x", "web;at=@99999999999999", "w b;at=@1",
		`web;by="` + strings.Repeat("x", 99) + `";at=@1`,
	} {
		if by := ApprovedBy(answerWith("X-Fromcache-Approved", bad)); by != nil {
			t.Errorf("%q: %+v", bad, by)
		}
	}
}

func TestVia(t *testing.T) {
	s := &Server{URL: "http://mid"}
	got := s.Via(answerWith("X-Fromcache-Via", `"http://top:3000", "http://origin side"`))
	if !slices.Equal(got, []string{"http://mid", "http://top:3000"}) {
		t.Errorf("%q", got)
	}
	if got := s.Via(answerWith("X-Fromcache-Via", strings.Repeat(`"http://a",`, 99))); len(got) != maxTiers {
		t.Errorf("%d tiers", len(got))
	}
}

// FuzzProvenance: whatever an upstream says, what meta takes of it is short and printable.
func FuzzProvenance(f *testing.F) {
	f.Add(`web;by="10.0.0.7";at=@1795383086`, `"http://top", "http://a b"`)
	f.Add("web;at=@-1;by=\x1b[2J", "\",\"\x00")
	f.Fuzz(func(t *testing.T, approved, via string) {
		if by := ApprovedBy(answerWith("X-Fromcache-Approved", approved)); by != nil {
			if !isPlain(by.Via) || !isPlain(by.Addr) || len(by.Via) > maxWord || len(by.Addr) > maxWord {
				t.Errorf("%q: %+v", approved, by)
			}
			if _, err := by.Time.MarshalJSON(); err != nil {
				t.Errorf("%q: %v", approved, err)
			}
		}
		list := (&Server{URL: "http://mid"}).Via(answerWith("X-Fromcache-Via", via))
		for _, u := range list {
			if !isPlain(u) || len(u) > maxURL || len(list) > maxTiers {
				t.Errorf("%q: %q", via, list)
			}
		}
	})
}

func TestUserAgent(t *testing.T) {
	for host, want := range map[string]string{
		"site-a":                "site-a+fromcache-site fromcache/1",
		"a b\n":                 "a-b-+fromcache-site fromcache/1",
		strings.Repeat("x", 60): strings.Repeat("x", 25) + "+fromcache-site fromcache/1",
	} {
		if got := userAgent(host, "1"); got != want {
			t.Errorf("%q: %q", host, got)
		}
	}
}
