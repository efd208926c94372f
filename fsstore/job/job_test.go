package job

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const design = `https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run
2026-11-22T21:27:26Z miss 10.0.0.7 curl/7.88.1
2026-11-22T21:31:00Z approve web 10.0.0.2
2026-11-22T21:31:00Z start 6211829760 "etag" host 4711
2026-11-22T21:31:40Z error 503 Service Unavailable, after 2026-11-22T21:33:40Z
`

// at returns a time of the day of the examples.
func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, "2026-11-22T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return t
}

// one parses a file of one job and no bad line. A line that begins with a word gets a time.
func one(t *testing.T, lines ...string) *Job {
	t.Helper()
	f := Parse([]byte(logOf(lines...)))
	if len(f.Jobs) != 1 || len(f.Bad) != 0 {
		t.Fatalf("%d jobs, bad lines %+v", len(f.Jobs), f.Bad)
	}
	return &f.Jobs[0]
}

func logOf(lines ...string) string {
	var b strings.Builder
	for i, l := range lines {
		word, _ := cutWord(l)
		if c := l[0]; c >= 'a' && c <= 'z' && word != "after" && word != "accept" && word != "sha256" && !hasScheme(l) {
			b.WriteString(at("21:00:00").Add(time.Duration(i) * time.Minute).Format(time.RFC3339))
			b.WriteByte(' ')
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}

func TestDesign(t *testing.T) {
	j := one(t, strings.Split(strings.TrimSuffix(design, "\n"), "\n")...)
	got := j.URL + "\n"
	for _, e := range j.Events {
		got += e.Line()
	}
	if got != design {
		t.Errorf("got %s", got)
	}
	want := []Event{
		{Time: at("21:27:26"), Kind: Miss, Count: 1, Addr: "10.0.0.7", Tool: "curl/7.88.1"},
		{Time: at("21:31:00"), Kind: Approve, Count: 1, Via: "web", Addr: "10.0.0.2"},
		{Time: at("21:31:00"), Kind: Start, Count: 1, Size: 6211829760, ETag: `"etag"`, Host: "host", PID: 4711},
		{Time: at("21:31:40"), Kind: Error, Count: 1, Text: "503 Service Unavailable", After: at("21:33:40")},
	}
	if !reflect.DeepEqual(j.Events, want) {
		t.Errorf("got %+v", j.Events)
	}
	if j.Attempts() != 1 || !j.Due().Equal(at("21:33:40")) || !j.Approved() || j.FetchURL() != j.URL || j.Reason() != "503 Service Unavailable" {
		t.Errorf("got %+v", j)
	}
	if j.Size != len(design) || j.Full {
		t.Errorf("size %d, full %v", j.Size, j.Full)
	}
}

func TestDue(t *testing.T) {
	const url = "http://h/a"
	for name, tt := range map[string]struct {
		want  string
		lines []string
	}{
		"nothing":            {"", []string{url}},
		"option":             {"23:00:00", []string{url, "after 2026-11-22T23:00:00Z"}},
		"option above":       {"23:00:00", []string{"after 2026-11-22T23:00:00Z", url}},
		"another zone":       {"22:00:00", []string{url, "after 2026-11-22T23:00:00+01:00"}},
		"error":              {"21:33:40", []string{url, "error x, after 2026-11-22T21:33:40Z"}},
		"wait":               {"21:33:40", []string{url, "wait less than 1 GiB free, after 2026-11-22T21:33:40Z"}},
		"newest, not latest": {"22:00:00", []string{url, "after 2026-11-22T23:00:00Z", "error x, after 2026-11-22T22:00:00Z"}},
		"error without":      {"23:00:00", []string{url, "after 2026-11-22T23:00:00Z", "error x"}},
		"option last":        {"23:00:00", []string{url, "error x, after 2026-11-22T22:00:00Z", "after 2026-11-22T23:00:00Z"}},
		"failed":             {"", []string{url, "after 2026-11-22T23:00:00Z", "failed 404 Not Found"}},
		"cancelled":          {"", []string{url, "after 2026-11-22T23:00:00Z", "cancelled web 10.0.0.2"}},
		"done":               {"", []string{url, "after 2026-11-22T23:00:00Z", "done 1 -"}},
		"retry":              {"", []string{url, "after 2026-11-22T23:00:00Z", "retry shell"}},
		"after a retry":      {"23:00:00", []string{url, "failed x", "retry shell", "after 2026-11-22T23:00:00Z"}},
		"start, requeue":     {"23:00:00", []string{url, "after 2026-11-22T23:00:00Z", "start - - host 1", "requeue x", "approve web", "miss - -"}},
	} {
		want := time.Time{}
		if tt.want != "" {
			want = at(tt.want)
		}
		if got := one(t, tt.lines...).Due(); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestAttempts(t *testing.T) {
	const url, e = "http://h/a", "error x"
	for name, tt := range map[string]struct {
		want  int
		lines []string
	}{
		"none":              {0, []string{url}},
		"errors":            {2, []string{url, e, e}},
		"waits":             {1, []string{url, e, "wait x", "requeue x"}},
		"failed":            {0, []string{url, e, "failed x"}},
		"retry":             {1, []string{url, e, "retry web", e}},
		"fresh starts":      {2, []string{url, "start 9 - h 1", e, "start 9 - h 1", e}},
		"progress":          {1, []string{url, e, "start 9 - h 1 from 5", e}},
		"no more progress":  {2, []string{url, "start 9 - h 1 from 5", e, "start 9 - h 1 from 5", e}},
		"less than before":  {2, []string{url, "start 9 - h 1 from 5", e, "start 9 - h 1 from 3", e}},
		"more again":        {1, []string{url, "start 9 - h 1 from 5", e, "start 9 - h 1 from 6", e}},
		"since the failure": {1, []string{url, "start 9 - h 1 from 5", e, "failed x", e, "start 9 - h 1 from 2", e}},
	} {
		if got := one(t, tt.lines...).Attempts(); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestApproved(t *testing.T) {
	const url, miss = "http://h/a", "miss 10.0.0.7 curl"
	for name, tt := range map[string]struct {
		approved, ended bool
		lines           []string
	}{
		"pre-seed":    {false, false, []string{url}},
		"miss":        {false, false, []string{url, miss}},
		"approve":     {true, false, []string{url, miss, "approve web", miss}},
		"running":     {true, false, []string{url, "approve web", "start - - h 1", "error x", "wait x", "requeue x"}},
		"failed":      {false, true, []string{url, "approve web", "failed x"}},
		"failed miss": {false, true, []string{url, "approve web", "failed x", miss}},
		"cancelled":   {false, true, []string{url, "approve web", "cancelled web"}},
		"done":        {false, true, []string{url, "approve web", "done 1 -"}},
		"retry":       {true, false, []string{url, "approve web", "failed x", "retry shell"}},
		"approve two": {true, false, []string{url, "failed x", "approve shell"}},
	} {
		j := one(t, tt.lines...)
		if j.Approved() != tt.approved || j.Ended() != tt.ended {
			t.Errorf("%s: approved %v, ended %v", name, j.Approved(), j.Ended())
		}
	}
}

func TestFetchURL(t *testing.T) {
	const url = "http://h/a?t=0"
	miss := func(n string) string { return "miss 10.0.0.7 curl http://h/a?t=" + n }
	for name, tt := range map[string]struct {
		want  string
		lines []string
	}{
		"line 1":               {"0", []string{url}},
		"newest of all":        {"2", []string{url, miss("1"), miss("2"), "miss 10.0.0.7 curl"}},
		"before the approval":  {"1", []string{url, miss("1"), "approve web", miss("2")}},
		"late lines only":      {"0", []string{url, "approve web", miss("2")}},
		"on the line":          {"9", []string{url, miss("1"), "approve web 10.0.0.2 http://h/a?t=9", miss("2")}},
		"newest approve":       {"2", []string{url, miss("1"), "approve web http://h/a?t=9", miss("2"), "approve web", miss("3")}},
		"retry without":        {"1", []string{url, miss("1"), "approve web", miss("2"), "failed x", "retry shell"}},
		"retry with":           {"7", []string{url, miss("1"), "approve web", "retry web http://h/a?t=7", miss("2")}},
		"retry, then approve":  {"2", []string{url, "retry web http://h/a?t=7", miss("2"), "approve web"}},
		"retry alone":          {"1", []string{url, miss("1"), "retry shell", miss("2")}},
		"failed, moved back":   {"1", []string{url, miss("1"), "approve web", "failed x", miss("2")}},
		"cancelled has no URL": {"0", []string{url, "approve web", "cancelled web http://h/a?t=8"}},
	} {
		j := one(t, tt.lines...)
		if got := j.FetchURL(); got != "http://h/a?t="+tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestAsked(t *testing.T) {
	j := one(t, "http://h/a", "miss 10.0.0.7 curl/1", "miss x41 10.0.0.7 curl/1 http://h/a?b", "miss 10.0.0.8 curl/1", "miss 10.0.0.7 wget http://h/a?b", "approve web http://h/a?c")
	if n, least := j.Misses(); n != 44 || least {
		t.Errorf("%d misses, %v", n, least)
	}
	if !j.FirstAsked().Equal(at("21:01:00")) || !j.LastAsked().Equal(at("21:04:00")) {
		t.Errorf("asked %v to %v", j.FirstAsked(), j.LastAsked())
	}
	want := []Client{
		{"10.0.0.7", "curl/1", 42, at("21:01:00"), at("21:02:00")},
		{"10.0.0.8", "curl/1", 1, at("21:03:00"), at("21:03:00")},
		{"10.0.0.7", "wget", 1, at("21:04:00"), at("21:04:00")},
	}
	if got := j.Clients(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := strings.Join(j.URLs(), " "); got != "http://h/a http://h/a?b http://h/a?c" {
		t.Errorf("URLs %s", got)
	}
	j = one(t, "http://h/a", strings.Repeat("#", MissRoom))
	if n, least := j.Misses(); n != 0 || !least || !j.Full || !j.FirstAsked().IsZero() || !j.LastAsked().IsZero() || j.Clients() != nil {
		t.Errorf("a full file without misses: %d, %v", n, least)
	}
}

func TestReason(t *testing.T) {
	for want, lines := range map[string][]string{
		"":                       {"http://h/a", "error x", "done 1 -"},
		"x":                      {"http://h/a", "failed y", "error x, after 2026-11-22T23:00:00Z", "start - - h 1"},
		"less than 1 GiB free":   {"http://h/a", "wait less than 1 GiB free"},
		"404 Not Found":          {"http://h/a", "error x", "failed 404 Not Found"},
		"cancelled web 10.0.0.2": {"http://h/a", "error x", "cancelled web 10.0.0.2"},
		"cancelled":              {"http://h/a", "cancelled"},
		"cancelled shell, held":  {"http://h/a", "cancelled shell, held"},
	} {
		if got := one(t, lines...).Reason(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	j := one(t, "http://h/a", "approve web", "approve cli 10.0.0.1")
	if e := j.Approval(); e.Via != "cli" || e.Addr != "10.0.0.1" {
		t.Errorf("approval %+v", e)
	}
	if _, ok := j.Newest(Done); ok || one(t, "http://h/a").Approval() != (Event{}) {
		t.Error("an event out of nothing")
	}
}

func TestTool(t *testing.T) {
	for ua, want := range map[string]string{
		"curl/7.88.1": "curl/7.88.1", "Mozilla/5.0 (X11; Linux)": "Mozilla/5.0", "": "-", "   ": "-", "(x)": "-", " wget/1": "wget/1",
		"a\nb": "a", "<script>": "-", "ä": "-", "Go-http-client/1.1": "Go-http-client/1.1", strings.Repeat("a", 50): strings.Repeat("a", 40),
		"libdnf (Fedora)": "libdnf", "a;b": "a",
	} {
		if got := Tool(ua); got != want {
			t.Errorf("Tool(%q) = %q, want %q", ua, got, want)
		}
	}
}

// TestAskedInSum: the numbers are of all misses, the lists of those that came first.
func TestAskedInSum(t *testing.T) {
	text := "https://example.com/a.run?t=0\n"
	for i := range 9 {
		text += fmt.Sprintf("2026-11-22T21:27:0%dZ miss x2 10.0.0.%d curl/%d https://example.com/a.run?t=%d\n", i, i/3, i/2, i%3)
	}
	j := Parse([]byte(text)).Jobs[0]
	whole, few := j.SummariseMisses(100, 1000), j.SummariseMisses(2, 10)
	if !slices.Equal(whole.Clients, j.Clients()) || !slices.Equal(whole.Variants, j.Variants()) {
		t.Errorf("%+v", whole)
	}
	if !slices.Equal(few.Clients, j.Clients()[:2]) || len(few.Variants) != 2 || few.Variants[0].URL != j.URL || few.Variants[1].URL != j.FetchURL() {
		t.Errorf("%+v", few)
	}
	for _, a := range []*MissSummary{whole, few} {
		if a.N != 18 || a.AtLeast || a.AddrCount != 3 || a.URLCount != 3 || !a.First.Equal(j.FirstAsked()) || !a.Last.Equal(j.LastAsked()) {
			t.Errorf("%+v", a)
		}
	}
}

func TestKept(t *testing.T) {
	const at = "2026-11-22T21:31:00Z "
	for lines, want := range map[string]int64{
		"": 0,
		at + "start 9 \"a\" host 1\n" + at + "kept 7\n": 7,
		at + "kept 5\n" + at + "kept 7\n" + at + "requeue x\n" + at + "claim h 1 b w\n" + at + "start 9 \"a\" host 1 from 7\n":      7,
		at + "kept 7\n" + at + "start 9 \"a\" host 1 from 4\n":                                                                      4,
		at + "kept 7\n" + at + "start 9 \"b\" host 1\n" + at + "start 9 \"b\" host 1 from 3\n":                                      0,
		at + "kept 7\n" + at + "start 9 \"b\" host 1\n" + at + "kept 3\n" + at + "error x\n" + at + "start 9 \"b\" host 1 from 8\n": 3,
		at + "kept 7\n" + at + "kept -1\n" + at + "kept\n" + at + "kept 12 bytes\n":                                                 7,
	} {
		text := []byte("https://example.com/a\n" + lines)
		if got := Parse(text).Jobs[0].Kept(); got != want {
			t.Errorf("%q: %d, want %d", lines, got, want)
		}
		if got := Parse(Compact(text)).Jobs[0].Kept(); got != want {
			t.Errorf("%q, compacted: %d, want %d", lines, got, want)
		}
	}
}
