package active_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// What an operator does to an artifact while a job of it waits or runs is newer
// than the job's approval, and stands.

func TestAPutStandsAboveWhatWaits(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, s *fsstore.Store){
		"never claimed": func(t *testing.T, s *fsstore.Store) { storetest.Add(t, s, storetest.CudaURL) },
		"under a name": func(t *testing.T, s *fsstore.Store) {
			storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/mine.job")
		},
		"moved by a hand": func(t *testing.T, s *fsstore.Store) {
			storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
			storetest.Run(t, s.Dir(), "mv misses/* queue/")
		},
		"tried before": func(t *testing.T, s *fsstore.Store) {
			c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
			if err := c.Retry("503", tree.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.TestStore(t)
			before(t, s)
			storetest.PutIn(t, s, storetest.CudaURL, "by hand")
			storetest.Want(t, s, fsstore.Queue)
			storetest.Run(t, s.Dir(), "tail -n 1 cancelled/*.job | grep -q ' cancelled put test, a file was carried in'")
			storetest.Sound(t, s)

			storetest.Add(t, s, storetest.CudaURL) // newer than the put
			storetest.Publish(t, storetest.ClaimNext(t, s), "of the origin")
			if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "of the origin" {
				t.Errorf("held: %q", b)
			}
		})
	}
}

// A list may be older than a put, and be taken apart after it.
func TestAPutStandsAboveAList(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.PutIn(t, s, storetest.CudaURL, "by hand")
	storetest.Run(t, s.Dir(), "printf 'https://example.com/a.run\\n"+storetest.CudaURL+"\\n' > queue/list.job")
	if _, err := s.Due(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(settle + 100*time.Millisecond) // it has stood still
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	storetest.Want(t, s, fsstore.Queue, storetest.KeyOf(t, "https://example.com/a.run")+".job")
	storetest.Run(t, s.Dir(), "tail -n 1 failed/*.job | grep -q ' failed a file was carried in for it by hand'")
	if err := s.Retry(storetest.KeyOf(t, storetest.CudaURL), storetest.Operator); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, storetest.MustClaim(t, s, storetest.KeyOf(t, storetest.CudaURL)+".job"), "of the origin")
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "of the origin" {
		t.Errorf("held: %q", b)
	}
}

// A list is about other URLs too, and stays.
func TestAPutLeavesOtherJobsAlone(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Add(t, s, "https://example.com/other.run")
	storetest.Run(t, s.Dir(), "printf 'https://example.com/a.run\\n"+storetest.CudaURL+"\\n' > queue/list.job")
	storetest.PutIn(t, s, storetest.CudaURL, "by hand")
	if got, err := s.Count(fsstore.Queue); got != 2 || err != nil {
		t.Errorf("%d jobs wait", got)
	}
}

func TestAnEvictStandsAboveWhatWaitsAndRuns(t *testing.T) {
	evict := func(t *testing.T, s *fsstore.Store) {
		if err := s.Evict(storetest.KeyOf(t, storetest.CudaURL), storetest.Operator); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("waits", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Add(t, s, storetest.CudaURL)
		evict(t, s)
		storetest.Want(t, s, fsstore.Queue)
		storetest.Run(t, s.Dir(), "tail -n 1 cancelled/*.job | grep -q ' cancelled cli test, its artifact was evicted'")
	})
	t.Run("runs", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		evict(t, s)
		p, _ := c.Part(t.Context(), false)
		p.Write([]byte("newer"))
		a, err := c.Publish(p, fsstore.Origin{})
		over, ok := errors.AsType[*fsstore.OvertakenError](err)
		if !ok || a != nil || !strings.Contains(over.Why, storetest.DigestOf("newer")) {
			t.Fatalf("%+v, %v", a, err)
		}
		if err := c.Fail(err.Error()); err != nil {
			t.Fatal(err)
		}
		storetest.Run(t, s.Dir(), "test -f blobs/"+storetest.DigestOf("newer")+" && test -z \"$(ls tmp)\"")
		retryAndHold(t, s, "newer")
	})
	t.Run("runs, and its origin says 304", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		evict(t, s)
		if err := c.Unchanged(); err != nil {
			t.Fatal(err)
		}
		retryAndHold(t, s, "newer")
	})
	t.Run("runs, and is tried again", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		storetest.Run(t, s.Dir(), "rm meta/*") // in a shell
		if err := c.Retry("503", tree.Now()); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(storetest.KeyOf(t, storetest.CudaURL) + ".job"); c != nil || err != nil {
			t.Fatal(c, err)
		}
		retryAndHold(t, s, "newer")
	})
	t.Run("and a retry is a mv", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		evict(t, s)
		if err := c.Unchanged(); err != nil {
			t.Fatal(err)
		}
		storetest.Run(t, s.Dir(), "mv failed/* queue/")
		storetest.Publish(t, storetest.ClaimNext(t, s), "newer")
	})
}

// retryAndHold: the job is in failed/ and says why, and a retry is newer.
func retryAndHold(t *testing.T, s *fsstore.Store, body string) {
	t.Helper()
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "not held" {
		t.Errorf("held: %q", b)
	}
	storetest.Run(t, s.Dir(), "tail -n 1 failed/*.job | grep -q ' failed its artifact was evicted after this job was claimed'")
	if err := s.Retry(storetest.KeyOf(t, storetest.CudaURL), storetest.Operator); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), body)
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != body {
		t.Errorf("held: %q", b)
	}
	storetest.Sound(t, s)
}

// Another artifact that was copied in, say from another cache-host, stands.
func TestWhatWasCopiedInStands(t *testing.T) {
	other := storetest.TestStore(t)
	storetest.Hold(t, other, storetest.CudaURL, "of the other cache-host")
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), "cp -p "+other.Dir()+"/blobs/* blobs/ && cp -p "+other.Dir()+"/meta/* meta/")
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("of the origin"))
	if _, err := c.Publish(p, fsstore.Origin{}); err == nil || !strings.Contains(err.Error(), "was replaced after this job was claimed") {
		t.Fatal(err)
	}
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "of the other cache-host" {
		t.Errorf("held: %q", b)
	}
}

func TestADenialStandsAboveWhatRuns(t *testing.T) {
	for _, name := range []string{storetest.KeyOf(t, storetest.CudaURL), "developer.download.nvidia.com", "*.nvidia.com"} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		storetest.Run(t, s.Dir(), "touch 'denied/"+name+"'")
		p, _ := c.Part(t.Context(), false)
		p.Write([]byte("bytes"))
		if a, err := c.Publish(p, fsstore.Origin{}); a != nil || err == nil || !strings.Contains(err.Error(), "denied/"+name+" denies this URL by now") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "not held" {
			t.Errorf("held: %q", b)
		}
	}
}

// A job's own commit, whose end was never written, does not stand in its way.
func TestAJobIsNotOvertakenByItself(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	m := c.Previous().Meta
	m.Claim = c.Worker
	if err := s.WriteMeta(c.Key, &m); err != nil {
		t.Fatal(err)
	}
	if err := c.Retry("the data directory could not be written", tree.Now()); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), "newer")
}
