package fsstore

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What an operator does to an artifact while a job of it waits or runs is newer
// than the job's approval, and stands.

var operator = By{"cli", "test"}

func bodyOf(t *testing.T, s *Store, url string) string {
	t.Helper()
	a, f, err := s.Open(url)
	if err != nil {
		return "not held"
	}
	defer f.Close()
	b := make([]byte, a.Size)
	f.Read(b)
	return string(b)
}

func TestAPutStandsAboveWhatWaits(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, s *Store){
		"never claimed":   func(t *testing.T, s *Store) { add(t, s, cudaURL) },
		"under a name":    func(t *testing.T, s *Store) { run(t, s.dir, "echo "+cudaURL+" > queue/mine.job") },
		"moved by a hand": func(t *testing.T, s *Store) { noteMiss(t, s, cudaURL, client1); run(t, s.dir, "mv misses/* queue/") },
		"tried before": func(t *testing.T, s *Store) {
			c := mustClaim(t, s, add(t, s, cudaURL))
			if err := c.Again("503", now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			before(t, s)
			putIn(t, s, cudaURL, "by hand")
			want(t, s, Queue)
			run(t, s.dir, "tail -n 1 cancelled/*.job | grep -q ' cancelled put test, a file was carried in'")
			sound(t, s)

			add(t, s, cudaURL) // newer than the put
			publish(t, claimNext(t, s), "of the origin")
			if b := bodyOf(t, s, cudaURL); b != "of the origin" {
				t.Errorf("held: %q", b)
			}
		})
	}
}

// A list may be older than a put, and be taken apart after it.
func TestAPutStandsAboveAList(t *testing.T) {
	s := testStore(t)
	putIn(t, s, cudaURL, "by hand")
	run(t, s.dir, "printf 'https://example.com/a.run\\n"+cudaURL+"\\n' > queue/list.job")
	if _, err := s.Due(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(settle + 100*time.Millisecond) // it has stood still
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	want(t, s, Queue, keyOf(t, "https://example.com/a.run")+".job")
	run(t, s.dir, "tail -n 1 failed/*.job | grep -q ' failed a file was carried in for it by hand'")
	if err := s.Retry(keyOf(t, cudaURL), operator); err != nil {
		t.Fatal(err)
	}
	publish(t, mustClaim(t, s, keyOf(t, cudaURL)+".job"), "of the origin")
	if b := bodyOf(t, s, cudaURL); b != "of the origin" {
		t.Errorf("held: %q", b)
	}
}

// A list is about other URLs too, and stays.
func TestAPutLeavesOtherJobsAlone(t *testing.T) {
	s := testStore(t)
	add(t, s, "https://example.com/other.run")
	run(t, s.dir, "printf 'https://example.com/a.run\\n"+cudaURL+"\\n' > queue/list.job")
	putIn(t, s, cudaURL, "by hand")
	if got, err := s.Count(Queue); got != 2 || err != nil {
		t.Errorf("%d jobs wait", got)
	}
}

func TestAnEvictStandsAboveWhatWaitsAndRuns(t *testing.T) {
	evict := func(t *testing.T, s *Store) {
		if err := s.Evict(keyOf(t, cudaURL), operator); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("waits", func(t *testing.T) {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		add(t, s, cudaURL)
		evict(t, s)
		want(t, s, Queue)
		run(t, s.dir, "tail -n 1 cancelled/*.job | grep -q ' cancelled cli test, its artifact was evicted'")
	})
	t.Run("runs", func(t *testing.T) {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		c := mustClaim(t, s, add(t, s, cudaURL))
		evict(t, s)
		p, _ := c.Part(t.Context(), false)
		p.Write([]byte("newer"))
		a, err := c.Publish(p, Origin{})
		over, ok := errors.AsType[*Overtaken](err)
		if !ok || a != nil || !strings.Contains(over.Why, digestOf("newer")) {
			t.Fatalf("%+v, %v", a, err)
		}
		if err := c.Fail(err.Error()); err != nil {
			t.Fatal(err)
		}
		run(t, s.dir, "test -f blobs/"+digestOf("newer")+" && test -z \"$(ls tmp)\"")
		retryAndHold(t, s, "newer")
	})
	t.Run("runs, and its origin says 304", func(t *testing.T) {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		c := mustClaim(t, s, add(t, s, cudaURL))
		evict(t, s)
		if err := c.Unchanged(); err != nil {
			t.Fatal(err)
		}
		retryAndHold(t, s, "newer")
	})
	t.Run("runs, and is tried again", func(t *testing.T) {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		c := mustClaim(t, s, add(t, s, cudaURL))
		run(t, s.dir, "rm meta/*") // in a shell
		if err := c.Again("503", now()); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(keyOf(t, cudaURL) + ".job"); c != nil || err != nil {
			t.Fatal(c, err)
		}
		retryAndHold(t, s, "newer")
	})
	t.Run("and a retry is a mv", func(t *testing.T) {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		c := mustClaim(t, s, add(t, s, cudaURL))
		evict(t, s)
		if err := c.Unchanged(); err != nil {
			t.Fatal(err)
		}
		run(t, s.dir, "mv failed/* queue/")
		publish(t, claimNext(t, s), "newer")
	})
}

// retryAndHold: the job is in failed/ and says why, and a retry is newer.
func retryAndHold(t *testing.T, s *Store, body string) {
	t.Helper()
	if b := bodyOf(t, s, cudaURL); b != "not held" {
		t.Errorf("held: %q", b)
	}
	run(t, s.dir, "tail -n 1 failed/*.job | grep -q ' failed its artifact was evicted after this job was claimed'")
	if err := s.Retry(keyOf(t, cudaURL), operator); err != nil {
		t.Fatal(err)
	}
	publish(t, claimNext(t, s), body)
	if b := bodyOf(t, s, cudaURL); b != body {
		t.Errorf("held: %q", b)
	}
	sound(t, s)
}

// Another artifact that was copied in, say from another cache-host, stands.
func TestWhatWasCopiedInStands(t *testing.T) {
	other := testStore(t)
	hold(t, other, cudaURL, "of the other cache-host")
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	run(t, s.dir, "cp -p "+other.dir+"/blobs/* blobs/ && cp -p "+other.dir+"/meta/* meta/")
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("of the origin"))
	if _, err := c.Publish(p, Origin{}); err == nil || !strings.Contains(err.Error(), "another file was put in the place") {
		t.Fatal(err)
	}
	if b := bodyOf(t, s, cudaURL); b != "of the other cache-host" {
		t.Errorf("held: %q", b)
	}
}

func TestADenialStandsAboveWhatRuns(t *testing.T) {
	for _, name := range []string{keyOf(t, cudaURL), "developer.download.nvidia.com", "*.nvidia.com"} {
		s := testStore(t)
		c := mustClaim(t, s, add(t, s, cudaURL))
		run(t, s.dir, "touch 'denied/"+name+"'")
		p, _ := c.Part(t.Context(), false)
		p.Write([]byte("bytes"))
		if a, err := c.Publish(p, Origin{}); a != nil || err == nil || !strings.Contains(err.Error(), "denied/"+name+" speaks for this URL by now") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if b := bodyOf(t, s, cudaURL); b != "not held" {
			t.Errorf("held: %q", b)
		}
	}
}

// A job's own commit, whose end was never written, does not stand in its way.
func TestAJobIsNotOvertakenByItself(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "bytes")
	c := mustClaim(t, s, add(t, s, cudaURL))
	m := c.Previous().Meta
	m.Claim = c.Worker
	if err := s.writeMeta(c.Key, &m); err != nil {
		t.Fatal(err)
	}
	if err := c.Again("the data directory could not be written", now()); err != nil {
		t.Fatal(err)
	}
	publish(t, claimNext(t, s), "newer")
}
