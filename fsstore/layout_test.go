package fsstore

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// A tree that has lost a half is refused with or without its README, before
// anything is made: the half may be on its way back.
func TestOpenMakesNoHalfOfWhatIsHeld(t *testing.T) {
	for script, gone := range map[string]string{
		"mv meta ..":             "meta",
		"mv blobs ..":            "blobs",
		"rm README; mv meta ..":  "meta",
		"rm README; mv blobs ..": "blobs",
		"rm README; mv blobs ..; mv meta ..; ln -s . meta": "blobs",
		"rm README; mv meta ..; rmdir misses tmp hits":     "meta",
	} {
		s := testStore(t)
		hold(t, s, cudaURL, "x")
		run(t, s.dir, "find . | sort > ../full; "+script+"; find . | sort > ../before")
		if _, err := Open(s.dir, Options{}); err == nil || !strings.Contains(err.Error(), "/"+gone+" is gone") {
			t.Errorf("%s: %v", script, err)
		}
		run(t, s.dir, "find . | sort | cmp - ../before")
	}
}

// A first start makes blobs/, meta/, the rest, and the README last: killed
// after any of these steps, or with one of them lost, it begins again.
func TestAFirstStartIsBegunAgain(t *testing.T) {
	for n := range len(directories) + 1 {
		for _, made := range [][]string{directories[:n], directories[n:]} {
			dir := t.TempDir()
			run(t, dir, "mkdir -p "+strings.Join(append([]string{"data"}, made...), " data/"))
			if slices.Contains(made, "tmp") {
				run(t, dir, "echo fromcache > data/tmp/.new-0123456789abcdef")
			}
			s := openAt(t, dir+"/data", Options{})
			run(t, s.dir, "head -1 README | grep -qx 'fromcache data 1'")
			if len(s.Remade()) > 0 {
				t.Errorf("%v: a first start says what was gone: %v", made, s.Remade())
			}
		}
	}
}

func TestOpenSaysWhatItMadeAgain(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "x")
	run(t, s.dir, "rmdir misses tmp; rm README")
	log := &bytes.Buffer{}
	s = openAt(t, s.dir, Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if got := s.Remade(); !slices.Equal(got, []string{"misses/", "tmp/", "README"}) {
		t.Errorf("made again: %v", got)
	}
	if n := strings.Count(log.String(), "was made again"); n != 3 {
		t.Errorf("the log says %d of 3:\n%s", n, log)
	}
	if got := openAt(t, s.dir, Options{}).Remade(); len(got) > 0 {
		t.Errorf("made again in a whole tree: %v", got)
	}
}
