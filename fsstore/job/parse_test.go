package job

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const sum = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
	f := Parse([]byte("\ufeff# a batch\r\n\r\naccept any\nhttps://h/a.run \r\n  sha256 " + sum + "\n\nHTTP://h/b\naccept text/html\naccept http\nafter 2026-11-22T23:00:00Z\n" +
		"https://h/c\nhttps://h/a.run\naccept http"))
	if len(f.Bad) != 0 || len(f.Jobs) != 3 {
		t.Fatalf("got %+v", f)
	}
	a, b, c := f.Jobs[0], f.Jobs[1], f.Jobs[2]
	if a.URL != "https://h/a.run" || a.Sha256 != strings.ToLower(sum) || !a.AcceptAny || !a.AcceptHTTP || a.AcceptHTML || !a.Due().IsZero() {
		t.Errorf("a is %+v", a)
	}
	if p := Parse([]byte("https://h/a\naccept private\n")).Jobs[0]; !p.AcceptPrivate || a.AcceptPrivate {
		t.Errorf("%+v", p)
	}
	if b.URL != "HTTP://h/b" || b.Sha256 != "" || b.AcceptAny || !b.AcceptHTTP || !b.AcceptHTML || !b.Due().Equal(at("23:00:00")) {
		t.Errorf("b is %+v", b)
	}
	if c.URL != "https://h/c" || c.Sha256 != "" || c.AcceptAny || c.AcceptHTTP || c.AcceptHTML {
		t.Errorf("c is %+v", c)
	}
}

func TestParseBad(t *testing.T) {
	const when = "2026-11-22T21:27:26Z "
	for line, why := range map[string]string{
		"ftp://h/a": "only http://", "magnet://x": "only http://", "h/a.run": "no URL", "Sha256 x": "no URL", "\x00": "no URL", "2026-11-22 21:27:26 miss": "no URL",
		"2026-13-22T21:27:26Z miss 1 c": "no URL", "http://": "no host", "http://h/a b": "0x20", "https://h/ä": "0xc3", "http://h:99999/": "port",
		"https://h/" + strings.Repeat("a", 9000): "longer than", "sha256": "64 hex", "sha256 abc": "64 hex", "after": "2026-11-23", "after tomorrow": "2026-11-23", "accept": "accept wants",
		"accept html": "accept wants", when: "a time alone", when + "\x1b[1m": "no word", when + strings.Repeat("a", 65): "no word",
		when + "miss": "a miss is", when + "miss 10.0.0.7": "a miss is", when + "miss 10.0.0.7 curl x": "a miss is", when + "miss 10.0.0.7 curl ftp://h/a": "a miss is",
		when + "miss 10.0.0.7 <curl>": "a miss is", when + "miss a,b curl": "a miss is", when + "miss x0 10.0.0.7 curl": "a miss is", when + "miss a curl http://h/a b": "a miss is",
		when + "miss a curl http://": "a miss is", when + "miss a " + strings.Repeat("c", 41): "a miss is",
		when + "approve web 10.0.0.2 x": "a line of this kind", when + "approve web http://": "a line of this kind", when + "retry a/b": "a line of this kind",
		when + "start": "a start is", when + "start 1 - h": "a start is", when + "start -1 - h 1": "a start is", when + "start 1 W/\"a\" h 1": "a start is", when + "start 1 - h 1 from": "a start is",
		when + "start 1 - h 1 from x": "a start is", when + "start 1 - h +1": "a start is", when + "start 1 \"a b\" h 1": "a start is",
		when + "done": "a done is", when + "done 1": "a done is", when + "done x -": "a done is", when + "done 1 abc": "a done is", when + "done same 1 -": "a done is",
		when + "start 99999999999999999999 - h 1": "a start is",
	} {
		f := Parse([]byte("http://h/good\n" + line + "\n"))
		if len(f.Jobs) != 1 || len(f.Jobs[0].Events) != 0 || len(f.Bad) != 1 {
			t.Errorf("%.60q: %+v", line, f)
			continue
		}
		b := f.Bad[0]
		if b.N != 2 || !strings.Contains(b.Why, why) || len(b.Text) > 80 || clean(b.Text) != b.Text {
			t.Errorf("%.60q: %+v", line, b)
		}
	}
}

// An option that can't be taken stays with its job until a later line says it well.
func TestParseFlaw(t *testing.T) {
	good := "sha256 " + strings.Repeat("0", 64) + "\n"
	for text, want := range map[string]int{
		"http://h/a\n" + good: 0, "http://h/a\nsha256 1\n": 2, "sha256 1\nhttp://h/a\n": 1, "http://h/a\nSHA256=1\n": 2, "http://h/a\nafterwards\n": 2, "http://h/a\nhello\n": 0,
		"http://h/a\nsha256 1\n" + good: 0, "http://h/a\n" + good + "sha256 1\n": 3, "http://h/a\nsha256 1\naccept any\n": 2, "http://h/a\nsha256 1\nafter x\n": 2,
		"http://h/a\nsha256 1\nafter x\n" + good: 3, "http://h/a\nsha256 1\nafter x\nsha256 2\n" + good + "after 2026-11-22T21:27:26Z\n": 0,
		"http://h/b\nsha256 1\nhttp://h/a\n": 0, "http://h/b\nftp://h/c\nsha256 1\nhttp://h/a\n": 0, "http://h/a\n2026-11-22T21:27:26Z miss\n": 0,
	} {
		jobs := Parse([]byte(text)).Jobs
		j, got := jobs[len(jobs)-1], 0
		if len(j.Flaws) > 0 {
			got = j.Flaws[0].N
		}
		if j.URL != "http://h/a" || got != want {
			t.Errorf("%q: %+v", text, j)
		}
	}
}

// What belongs to a URL that was not taken must not fall to its neighbour; the log may, for a claim
// appends it at the end.
func TestParseAstray(t *testing.T) {
	f := Parse([]byte("https://h/a\nftp://h/b\naccept any\n2026-11-22T21:31:00Z approve web\nhttps://h/c\naccept http\n"))
	if len(f.Jobs) != 2 || len(f.Bad) != 2 || f.Jobs[0].AcceptAny || !f.Jobs[0].Approved() || !f.Jobs[1].AcceptHTTP {
		t.Errorf("got %+v", f)
	}
	f = Parse([]byte("accept any\nhttps://h:x/\naccept any\nhttps://h/c\n"))
	if len(f.Jobs) != 1 || f.Jobs[0].AcceptAny || len(f.Bad) != 2 {
		t.Errorf("got %+v", f)
	}
}

func TestUnknownKind(t *testing.T) {
	const line = "2026-11-22T21:31:00Z x-verify https://h/a?b of, after all\n"
	f := Parse([]byte("https://h/a\n" + line))
	if len(f.Jobs) != 1 || len(f.Bad) != 0 || f.Jobs[0].FetchURL() != "https://h/a" {
		t.Fatalf("got %+v", f)
	}
	want := Event{Time: at("21:31:00"), Kind: "x-verify", Count: 1, Text: "https://h/a?b of, after all"}
	if e := f.Jobs[0].Events[0]; e != want || e.Line() != line {
		t.Errorf("got %+v, line %s", e, e.Line())
	}
}

func TestParseIsLinear(t *testing.T) {
	for _, unit := range []string{"\n", "#\n", "a\n", "http://a\n", "\x00", "http://a/%d\n", "accept any\n", "2026-11-22T21:27:26Z x\n", ", after ", "2026-11-22T21:27:26Z miss a b http://h/%d\n"} {
		var b bytes.Buffer
		for i := 0; b.Len() < 1<<20; i++ {
			b.WriteString(strings.ReplaceAll(unit, "%d", fmt.Sprint(i)))
		}
		begin := time.Now()
		f := Parse(b.Bytes())
		for i := range f.Jobs {
			f.Jobs[i].URLs()
			f.Jobs[i].Clients()
		}
		Compact(b.Bytes())
		if d := time.Since(begin); d > 30*time.Second { // a quadratic one takes minutes
			t.Errorf("%q: 1 MiB took %v", unit, d)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	full := []byte(design + logOf("accept any", "done unchanged 1 -", "miss x3 a b http://h/c", "retry web http://h/d, text"))
	for i := range full {
		f := Parse(full[:i])
		if len(f.Jobs) > 1 || len(f.Bad) > 1 {
			t.Fatalf("%q: %+v", full[:i], f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		design, "accept any\nhttp://h/a\nftp://x\nsha256 0\nhttp://h/b\n# c\r\n\r\n2026-11-22T21:31:00Z done unchanged 1 -\n",
		"http://h/a\n2026-11-22T21:31:00Z start - - - 0 from 1, x\n2026-11-22T21:31:00Z error -, after 2026-11-22T21:31:00Z\n2026-11-22T21:31:00Z retry - http://h/b,, y",
		"\ufeffhttp://h/a\n2026-11-22T21:31:00.5+23:59 miss x9 x9 x9",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file := Parse(b)
		for _, bad := range file.Bad {
			if bad.N < 1 || len(bad.Text) > 80 || clean(bad.Text) != bad.Text || bad.Why == "" {
				t.Fatalf("bad line %+v", bad)
			}
		}
		for i := range file.Jobs {
			j := &file.Jobs[i]
			if !isURL(j.URL) || !isURL(j.FetchURL()) || j.Attempts() < 0 || j.Approved() && j.Ended() {
				t.Fatalf("job %+v", j)
			}
			j.Reason()
			for _, e := range j.Events {
				roundTrip(t, e)
			}
		}
		if again := Parse(b); !reflect.DeepEqual(again, file) {
			t.Fatal("not the same twice")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	file := []byte(design)
	for len(file) < MaxFile-100 {
		file = append(file, "2026-11-22T21:28:26Z miss x41 10.0.0.7 curl/7.88.1\n"...)
	}
	for name, in := range map[string][]byte{"small": []byte(design), "full": file} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				Parse(in)
			}
		})
	}
}
