package job

import (
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for want, e := range map[string]Event{
		"miss 10.0.0.7 curl/7.88.1":                               {Kind: Miss, Addr: "10.0.0.7", Tool: "curl/7.88.1"},
		"miss x41 2001:db8::1 - https://h/a?sig=b":                {Kind: Miss, Count: 41, Addr: "2001:db8::1", URL: "https://h/a?sig=b"},
		"miss _x41 wget":                                          {Kind: Miss, Addr: "x41", Tool: "wget"},
		"approve web 10.0.0.2":                                    {Kind: Approve, Via: "web", Addr: "10.0.0.2"},
		"approve shell":                                           {Kind: Approve, Via: "shell"},
		"approve add https://h/a":                                 {Kind: Approve, Via: "add", URL: "https://h/a"},
		`start 6211829760 "etag" host 4711`:                       {Kind: Start, Size: 6211829760, ETag: `"etag"`, Host: "host", PID: 4711},
		"start 9 - h 1, modified 2026-11-22T21:31:00Z":            {Kind: Start, Size: 9, Host: "h", PID: 1, Modified: at("21:31:00")},
		"start 9 - h 1 from 5, modified 2026-11-22T21:31:00Z, so": {Kind: Start, Size: 9, Host: "h", PID: 1, From: 5, Modified: at("21:31:00"), Text: "so"},
		"start 9 - h 1, modified yesterday":                       {Kind: Start, Size: 9, Host: "h", PID: 1, Text: "modified yesterday"},
		"start - - host 4711 from 1048576":                        {Kind: Start, Size: -1, ETag: `W/"weak"`, Host: "host", PID: 4711, From: 1048576},
		"error 503 x, after 2026-11-22T21:33:40Z":                 {Kind: Error, Text: "503 x", After: at("21:33:40")},
		"error -, after 2026-11-22T21:33:40Z":                     {Kind: Error, After: at("21:33:40")},
		"error x; after 2026-11-22T21:33:40Z":                     {Kind: Error, Text: "x, after 2026-11-22T21:33:40Z"},
		"wait less than 1 GiB free":                               {Kind: Wait, Text: "less than 1 GiB free"},
		"requeue server stopped":                                  {Kind: Requeue, Text: "server stopped"},
		"failed a??b http://h/":                                   {Kind: Failed, Text: " a\n\x1bb http://h/ "},
		"failed":                                                  {Kind: Failed},
		"cancelled web 10.0.0.2, the artifact was held":           {Kind: Cancelled, Via: "web", Addr: "10.0.0.2", Text: "the artifact was held"},
		"done 6211829760 " + sum:                                  {Kind: Done, Size: 6211829760, Sha256: sum},
		"done unchanged 6211829760 " + sum:                        {Kind: Done, Size: 6211829760, Sha256: strings.ToUpper(sum), Unchanged: true},
		"retry shell https://h/a,, twice":                         {Kind: Retry, Via: "shell", URL: "https://h/a,", Text: "twice"},
		"later some_text, 2":                                      {Kind: "later", Text: "some_text, 2"},
		"miss a_b__2026-11-22T21:00:00Z_approve a_b":              {Kind: Miss, Addr: "a b\n\t2026-11-22T21:00:00Z approve", Tool: "a b", URL: "https://h/a b"},
		"approve a_b 10.0.0.2":                                    {Kind: Approve, Via: "a,b", Addr: "10.0.0.2", URL: "ftp://h/a"},
		"start 1 - a_b 0":                                         {Kind: Start, Size: 1, Host: "a b", PID: -1, ETag: "\"a\nb\""},
		"miss - " + strings.Repeat("t", 40):                       {Kind: Miss, Tool: strings.Repeat("t", 100)},
		"start 1 - - 1":                                           {Kind: Start, Size: 1, PID: 1, ETag: `"` + strings.Repeat("e", 600) + `"`},
		"error x, after midnight":                                 {Kind: Error, Text: "x, after midnight"},
		"done - -":                                                {Kind: Done, Size: -1, Sha256: "zz"},
		"retry -":                                                 {Kind: Retry},
		"requeue x, after 2026-11-22T21:33:40Z":                   {Kind: Requeue, Text: "x, after 2026-11-22T21:33:40Z"},
		"failed caf?? ???":                                        {Kind: Failed, Text: "café \u202e"},
		"error a, after 2026-11-22T21:33:40Z, after later":        {Kind: Error, Text: "a, after 2026-11-22T21:33:40Z, after later"},
	} {
		e.Time = at("21:31:00")
		if got := e.Line(); got != "2026-11-22T21:31:00Z "+want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
		roundTrip(t, e)
	}
}

// roundTrip checks that e's line is one line, is read as an event of e's kind, and says the same
// when written again.
func roundTrip(t *testing.T, e Event) {
	t.Helper()
	line := e.Line()
	body, ok := strings.CutSuffix(line, "\n")
	if !ok || clean(body) != body || len(line) > 9<<10 {
		t.Fatalf("%+v makes the line %q", e, line)
	}
	f := Parse([]byte("http://line1/\n" + line))
	if len(f.Jobs) != 1 || len(f.Bad) != 0 || len(f.Jobs[0].Events) != 1 || f.Jobs[0].URL != "http://line1/" {
		t.Fatalf("%q is read as %+v", line, f)
	}
	got := f.Jobs[0].Events[0]
	if got.Kind != e.Kind && clean(string(e.Kind)) == string(e.Kind) && len(e.Kind) <= maxKind && !strings.Contains(string(e.Kind), " ") && e.Kind != "" {
		t.Fatalf("%q is read as %q", line, got.Kind)
	}
	if got.Line() != line || !got.After.Equal(e.After) && (e.Kind == Error || e.Kind == Wait) && sane(e.After) {
		t.Fatalf("%q, then %q", line, got.Line())
	}
}

// sane reports whether a line can hold t.
func sane(t time.Time) bool {
	return t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 && t.Nanosecond() == 0
}

func FuzzLine(f *testing.F) {
	f.Add("miss", int64(1795383086), 41, "10.0.0.7", "curl", "web", "https://h/a?b", int64(1), `"e"`, "host", 1, int64(5), int64(0), "text")
	f.Add("error", int64(-1), 0, "", "", "", "", int64(-1), "", "", 0, int64(0), int64(1795383086), ", after 2026-11-22T21:33:40Z")
	f.Add("error", int64(1)<<62, 0, "x1", "", "", "http://h/,", int64(-1), "", "", 0, int64(0), int64(0), ", after 2026-11-22T21:33:40Z")
	f.Add("approve", int64(0), 0, "-", "-", "-", "", int64(-1), "-", "-", 0, int64(0), int64(0), "-")
	f.Add("retry", int64(0), 0, "http", "", "x", "http://h/,", int64(-1), "", "", 0, int64(0), int64(0), ", x, y")
	f.Fuzz(func(t *testing.T, kind string, when int64, count int, addr, tool, via, url string, size int64, etag, host string, pid int, from, after int64, text string) {
		e := Event{Time: time.Unix(when, 0), Kind: Kind(kind), Count: count, Addr: addr, Tool: tool, Via: via, URL: url, Size: size,
			ETag: etag, Host: host, PID: pid, From: from, Sha256: text, Text: text}
		if after != 0 {
			e.After = time.Unix(after, 0)
		}
		for _, k := range []Kind{e.Kind, Miss, Approve, Start, Error, Wait, Failed, Cancelled, Done, Retry, Requeue} {
			e.Kind = k
			roundTrip(t, e)
		}
	})
}

// A line that is cut must not end in what reads as an "after", whatever the text is.
func TestLineCut(t *testing.T) {
	for n := maxLine - 100; n < maxLine+10; n++ {
		e := Event{Time: at("21:31:00"), Kind: Error, Text: strings.Repeat("x", n) + ", after 2026-11-22T21:33:40Z" + strings.Repeat("y", 100)}
		roundTrip(t, e)
		e.After = at("22:00:00")
		roundTrip(t, e)
		e.Kind, e.URL = Approve, "https://h/"+strings.Repeat("u", 8000)
		roundTrip(t, e)
	}
}

func BenchmarkLine(b *testing.B) {
	e := Event{Time: at("21:31:00"), Kind: Miss, Addr: "10.0.0.7", Tool: "curl/7.88.1"}
	b.ReportAllocs()
	for b.Loop() {
		_ = e.Line()
	}
}
