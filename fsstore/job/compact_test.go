package job

import (
	"fmt"
	"strings"
	"testing"
)

const when = "2026-11-22T21:31:00Z "

// TestCompact: a job that waits for weeks, and one that resumes a hundred times, keep their size
// and say what they said.
func TestCompact(t *testing.T) {
	head := "https://example.com/a.run?t=1\nsha256 " + strings.Repeat("d", 64) + "\n" + when + "miss 10.0.0.7 curl/8\n" + when + "approve web 10.0.0.2\n"
	long, resumed := head, head
	for i := range 300 {
		long += fmt.Sprintf("%sclaim host %d 0123456789abc%03d\n%swait no room, after 2030-01-31T02:00:%02dZ\n", when, i, i, when, i%60)
		resumed += fmt.Sprintf("%sclaim host %d 0123456789abc%03d\n%sstart 99999 \"e\" host %d from %d\n%serror cut, after 2030-01-31T02:00:%02dZ\n", when, i, i, when, i, i*7, when, i%60)
	}
	for name, text := range map[string]string{"waits": long, "resumes": resumed} {
		got := string(Compact([]byte(text)))
		if len(got) > 2<<10 {
			t.Errorf("%s: %d bytes:\n%s", name, len(got), got)
		}
		for _, want := range []string{head, "claim host 299 0123456789abc299\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, got)
			}
		}
		if again := string(Compact([]byte(got))); again != got {
			t.Errorf("%s: not the same twice:\n%s", name, again)
		}
	}
	// Who wrote the start that a resume goes by may own the part: ten claims came after it, and
	// before it the first alone counts, which says what was held when the job was approved.
	started := head + when + "claim host 1 eeeeeeeeeeeeeeee\n" + when + "claim host 1 aaaaaaaaaaaaaaaa\n" + when + "claim host 1 bbbbbbbbbbbbbbbb\n" + when + "start 99 \"e\" host 1\n" +
		strings.Repeat(when+"claim host 1 cccccccccccccccc\n", 12)
	if got := string(Compact([]byte(started))); !strings.Contains(got, "bbbb") || !strings.Contains(got, "eeee") || strings.Contains(got, "aaaaaaaaaaaaaaaa\n") || strings.Count(got, "cccccccccccccccc") != 10 {
		t.Errorf("%s", got)
	}
}

// FuzzCompact: whatever a file says, what it says of the job stays.
func FuzzCompact(f *testing.F) {
	head := "https://example.com/a.run\n"
	f.Add([]byte(head + when + "error x, after 2030-01-31T02:00:00Z\n" + when + "wait y\n" + when + "wait z\n" + when + "retry web\n"))
	f.Add([]byte(head + when + "start 9 \"e\" h 1\n" + when + "error x\n" + when + "start 9 \"e\" h 1 from 5\nafter 2030-01-31T02:00:00Z\n" + when + "requeue a\n" + when + "requeue b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Compact(b)
		if len(got) > len(b) {
			t.Fatalf("%q grew to %q", b, got)
		}
		if x, y := Parse(b), Parse(got); len(x.Jobs) == 1 && (len(y.Jobs) != 1 || x.Jobs[0].FetchURL() != y.Jobs[0].FetchURL() || x.Jobs[0].Attempts() != y.Jobs[0].Attempts() || !x.Jobs[0].Due().Equal(y.Jobs[0].Due())) {
			t.Fatalf("%q became %q", b, got)
		}
	})
}
