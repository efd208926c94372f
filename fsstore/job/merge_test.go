package job

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	earlier := logOf("http://h/a?t=1", "accept any", "miss 10.0.0.7 curl http://h/a?t=2", "approve web", "done 1 -")
	own := logOf("# mine", "http://h/a?t=3", "retry shell", "approve cli", "sha256 "+strings.Repeat("0", 64), "done 2 -")
	want := "http://h/a?t=3\nsha256 " + strings.Repeat("0", 64) + `
2026-11-22T21:02:00Z miss 10.0.0.7 curl http://h/a?t=2
2026-11-22T21:03:00Z approve web
2026-11-22T21:04:00Z done 1 -
# mine
2026-11-22T21:02:00Z retry shell
2026-11-22T21:03:00Z approve cli http://h/a?t=3
2026-11-22T21:05:00Z done 2 -
`
	got := Merge([]byte(earlier), []byte(own))
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	if again := Merge([]byte(earlier), got); !bytes.Equal(again, got) {
		t.Errorf("merged twice: %s", again)
	}
	if j := Parse(got).Jobs[0]; j.FetchURL() != "http://h/a?t=3" {
		t.Errorf("own's approval now stands for %s", j.FetchURL())
	}
	if got := Merge(nil, []byte(design)); string(got) != design {
		t.Errorf("without an earlier one: %s", got)
	}
	if got := Merge([]byte(design), []byte("\ufeffhttp://h/a\n")); !strings.HasPrefix(string(got), "http://h/a\n2026") {
		t.Errorf("own has a byte order mark: %s", got)
	}
	if got := Merge([]byte(design), []byte("http://h/a")); !strings.HasPrefix(string(got), "http://h/a\n2026") {
		t.Errorf("own has no line end: %s", got)
	}
}

// The log of a job is short of MissRoom after a merge, has the newest lines, and a second merge changes nothing.
func TestMergeFull(t *testing.T) {
	line := func(i, n int) string {
		return fmt.Sprintf("2026-11-22T21:00:00Z note %d %s\n", i, strings.Repeat("x", n))
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		var earlier, own strings.Builder
		earlier.WriteString("http://h/a\naccept any\n")
		own.WriteString("http://h/a?t=2\naccept http\n")
		for i := range 2 + rnd.IntN(60) {
			earlier.WriteString(line(i, rnd.IntN(3000)))
		}
		for i := 0; own.Len() < 1000+rnd.IntN(MissRoom-2000); i++ {
			own.WriteString(line(1000+i, min(rnd.IntN(3000), MissRoom-100-own.Len())))
		}
		own.WriteString("2026-11-22T21:00:00Z done 1 -\n")
		got := Merge([]byte(earlier.String()), []byte(own.String()))
		if len(got) > MissRoom || !bytes.HasSuffix(got, []byte("done 1 -\n")) || !bytes.HasPrefix(got, []byte("http://h/a?t=2\naccept http\n2026")) {
			t.Fatalf("round %d: %d bytes, %.200q", round, len(got), got)
		}
		if whole := earlier.Len() + own.Len(); whole > MissRoom+100 && len(got) < MissRoom-3100 {
			t.Fatalf("round %d: %d bytes of %d are left", round, len(got), whole)
		}
		if again := Merge([]byte(earlier.String()), got); !bytes.Equal(again, got) {
			t.Fatalf("round %d: a second merge makes %d bytes of %d", round, len(again), len(got))
		}
	}
}

// A line that both logs hold by chance is no sign of a merge.
func TestMergeChance(t *testing.T) {
	earlier := logOf("http://h/a", "miss 10.0.0.7 curl", "failed x")
	own := "http://h/a\n" + logOf("http://h/a", "miss 10.0.0.7 curl", "failed x")[len(logOf("http://h/a", "miss 10.0.0.7 curl")):] + "2026-11-22T22:00:00Z done 1 -\n"
	got := Merge([]byte(earlier), []byte(own))
	if strings.Count(string(got), "miss") != 1 || strings.Count(string(got), "failed") != 2 {
		t.Errorf("got %s", got)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(design), []byte("http://h/a\n2026-11-22T21:31:00Z approve web\n"), 0)
	f.Add([]byte("http://h/a?2\n2026-11-22T21:31:00Z miss a b http://h/a?1\n"), []byte("http://h/a?3\n2026-11-22T21:31:00Z retry web\naccept any"), 65000)
	f.Add([]byte("a\na\nb\na\n"), []byte("a\nb\n#\n"), 65520)
	f.Fuzz(func(t *testing.T, earlier, own []byte, pad int) {
		if pad = pad % MissRoom; pad > 0 {
			earlier = append(bytes.Repeat([]byte("# 3456789012345\n"), pad/16), earlier...)
		}
		got := Merge(earlier, own)
		if len(got) > MissRoom {
			t.Fatalf("%d bytes", len(got))
		}
		if again := Merge(earlier, got); !bytes.Equal(again, got) {
			t.Fatalf("earlier %q\nown %q\n got %q\nthen %q", earlier, own, got, again)
		}
		was, is := Parse(own).Jobs, Parse(got).Jobs
		if len(was) == 1 && len(own) < MissRoom/2 && (len(is) < 1 || is[0].URL != was[0].URL) {
			t.Fatalf("own %q\n got %q", own, got)
		}
	})
}

// An option that was mended by a line below it is not broken again by a merge, nor by what stands in the history.
func TestMergeOfWhatWasMended(t *testing.T) {
	own := "http://h/a\nSHA256: 01\nsha256 " + strings.Repeat("0", 64) + "\n2026-11-22T21:27:26Z done 1 -\n"
	for _, earlier := range []string{"http://h/a\n2026-11-21T21:27:26Z done 1 -\n", own, "http://h/a\nafterwards\n"} {
		if j := Parse(Merge([]byte(earlier), []byte(own))).Jobs[0]; len(j.Flaws) > 0 || j.Sha256 == "" {
			t.Errorf("after %q: %+v", earlier, j)
		}
	}
}
