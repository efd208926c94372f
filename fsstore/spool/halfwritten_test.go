package spool_test

import (
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	settle    = 2 * time.Second  // a person's file stands still for so long before it is claimed
	openStill = 10 * time.Minute // and for so long where a program has it open for writing
)

// cp and echo make the file empty first, also under a key's name.
// TestAPersonsFileStandsStill holds that what a person writes is taken 2 s after it stands still, and
// a file under a key's name without its last newline, which a crash has cut, after 10 s.
func TestAPersonsFileStandsStill(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		for name, c := range map[string]struct {
			text string
			wait time.Duration
		}{
			"person.job": {"https://example.com/person.run\n", 2 * time.Second},
			storetest.KeyOf(t, storetest.CudaURL) + ".job": {storetest.CudaURL, 10 * time.Second},
		} {
			path := storetest.JobPath(s, fsstore.Queue, name)
			storetest.Must(t, os.WriteFile(path, []byte(c.text), 0o660))
			began := time.Now()
			for time.Since(began) < c.wait {
				if due, err := s.Due(); err != nil || len(due) != 0 {
					t.Fatalf("after %v: %q, %v", time.Since(began), due, err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if due, err := s.Due(); err != nil || len(due) != 1 || due[0] != name {
				t.Errorf("it stood still for %v, and is not due: %q, %v", c.wait, due, err)
			}
			storetest.Must(t, os.Remove(path))
		}
	})
}

func TestAKeysNameIsTakenWhole(t *testing.T) {
	s := storetest.TestStore(t)
	name := storetest.KeyOf(t, storetest.CudaURL) + ".job"
	for _, text := range []string{"", storetest.CudaURL[:30]} {
		if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, name), []byte(text), 0o660); err != nil {
			t.Fatal(err)
		}
		if due, err := s.Due(); err != nil || len(due) != 0 {
			t.Errorf("%q is due: %q, %v", text, due, err)
		}
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	storetest.Want(t, s, fsstore.Failed)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/"+name)
	if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL {
		t.Error(c.URL)
	}
}

func TestWhatPeopleWriteIsTakenWhole(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "printf https://example.com/half > queue/half.job; : > queue/empty.job; echo https://example.com/x.run > queue/x.txt; echo https://example.com/y.run > queue/y.job~; echo https://example.com/z.run > queue/.z.job.Xy12")
	s.Due()
	if v := storetest.NoteMiss(t, s, "https://example.com/half", storetest.Client1); v != fsstore.VerdictQueued {
		t.Errorf("a miss of what a person has queued: %s", v)
	}
	time.Sleep(settle + 200*time.Millisecond)
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("taken: %q", due)
	}
	list, _ := s.Jobs(fsstore.Queue)
	notes := map[string]string{}
	for _, j := range list {
		notes[j.Name] = j.Note
	}
	if notes["x.txt"] != "ignored: name it x.txt.job" || !strings.Contains(notes["half.job"], "newline") || len(notes) != 3 {
		t.Errorf("notes %q", notes)
	}
	storetest.Run(t, s.Dir(), "echo .run >> queue/half.job")
	if c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "half.job")); c.URL != "https://example.com/half.run" {
		t.Errorf("fetching %s", c.URL)
	}
}

// A list that comes slowly stands still after each line, and may stand so for
// long.
func TestAListThatIsOpenIsLeftAlone(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		f, err := os.Create(storetest.JobPath(s, fsstore.Queue, "list.job"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range 3 {
			fmt.Fprintf(f, "https://example.com/%d.run\n", i)
			for range 8 {
				s.Due()
				if c, err := s.Claim("list.job"); c != nil || err != nil || len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
					t.Fatalf("taken after %d lines: %v, %v", i+1, c, err)
				}
				time.Sleep(time.Second)
			}
		}
		j, err := s.JobFile(fsstore.Queue, "list.job")
		if err != nil || !strings.Contains(j.Note, "open for writing") {
			t.Errorf("%+v, %v", j, err)
		}
		f.Close()
		storetest.WaitDue(t, s, "list.job")
		if c, err := s.Claim("list.job"); c != nil || err != nil || len(storetest.Ls(t, s, fsstore.Queue)) != 3 {
			t.Errorf("closed: %v, %v, queue %q", c, err, storetest.Ls(t, s, fsstore.Queue))
		}

		hung, err := os.Create(storetest.JobPath(s, fsstore.Queue, "hung.job"))
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		fmt.Fprintln(hung, "https://example.com/hung.run")
		s.Due()
		time.Sleep(openStill)
		s.Due()
		c, err := s.Claim("hung.job")
		if c == nil {
			t.Fatalf("nobody takes what hangs: %v", err)
		}
		storetest.Must(t, c.Fail("read to its end"))
	})
}
