package fsstore

import (
	"errors"
	"testing"
)

// Nobody has approved a fetch of what was carried in: when its blob rots
// neither the scrub nor fsck asks the net for it, whether its job is still in
// done/ or not.
func TestWhatWasCarriedInIsNotFetched(t *testing.T) {
	for _, history := range []string{"true", "rm done/*"} {
		s := testStore(t)
		a := putIn(t, s, cudaURL, "bytes")
		flip(t, s, a.SHA256)
		run(t, s.dir, history)
		scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
		want(t, s, Queue)
		if f := s.Findings(); len(f) != 1 || f[0].Advice != carryAgain {
			t.Errorf("%s: %+v", history, f)
		}
		fsck(t, s, FsckOptions{Repair: true})
		want(t, s, Queue)
		putIn(t, s, cudaURL, "bytes")
		if f := s.Findings(); len(f) != 0 {
			t.Errorf("%s: carried in again, and still a finding: %+v", history, f)
		}
		sound(t, s)
	}
}

// What a person had fetched since it was carried in came from the net.
func TestWhatWasFetchedSinceItWasCarriedIn(t *testing.T) {
	s := testStore(t)
	a := putIn(t, s, cudaURL, "bytes")
	if err := s.Retry(a.Key+".job", By{"web", ""}); err != nil {
		t.Fatal(err)
	}
	a = publish(t, claimNext(t, s), "new bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	want(t, s, Queue, a.Key+".job")
}

// What the scrub and fsck queue is to bring the very bytes that were lost; a
// retry by a person, whichever way, is for what the origin has now.
func TestARestoreIsOfTheSameBytes(t *testing.T) {
	other := By{"web", "10.0.0.2"}
	for how, again := range map[string]func(s *Store, name string) error{
		"retry": func(s *Store, name string) error { return s.Retry(name, other) },
		"mv":    func(s *Store, name string) error { run(t, s.dir, "mv failed/"+name+" queue/"); return nil },
		"add": func(s *Store, name string) error {
			_, err := s.Add(Addition{URL: cudaURL}, other)
			return err
		},
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		flip(t, s, a.SHA256)
		fsck(t, s, FsckOptions{Repair: true})
		for range 2 { // an attempt that ends early changes nothing
			c := claimNext(t, s)
			if !c.Restores || c.Job.Sha256 != a.SHA256 {
				t.Errorf("%s: restores %v, wants %q", how, c.Restores, c.Job.Sha256)
			}
			if err := c.PutBack("the server ends"); err != nil {
				t.Fatal(err)
			}
		}
		if err := claimNext(t, s).Fail("other bytes"); err != nil {
			t.Fatal(err)
		}
		if err := again(s, a.Key+".job"); err != nil {
			t.Fatal(err)
		}
		c := claimNext(t, s)
		if c.Restores || c.Job.Sha256 != "" {
			t.Errorf("%s: a person's fetch is bound to %s", how, c.Job.Sha256)
		}
		publish(t, c, "new bytes")
		if err := s.Retry(a.Key+".job", other); err != nil {
			t.Fatal(err)
		}
		if c = claimNext(t, s); c.Restores || c.Job.Sha256 != "" {
			t.Errorf("%s: so is the one after it, to %s", how, c.Job.Sha256)
		}
	}
}

// Where meta tells nothing any more the job in done/ does.
func TestARestoreOfAMalformedMeta(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "echo '{' > meta/"+a.Key+".json")
	fsck(t, s, FsckOptions{Repair: true})
	if c := claimNext(t, s); !c.Restores || c.Job.Sha256 != a.SHA256 {
		t.Errorf("restores %v, wants %q", c.Restores, c.Job.Sha256)
	}
}

// A person's approval is wider than a restore, and may name a fresher URL: the
// scrub adds nothing to a job that waits for it.
func TestARestoreLeavesAnApprovalAlone(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1", "bytes")
	name := add(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	want(t, s, Queue, name)
	if c := claimNext(t, s); c.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2" || c.Restores {
		t.Errorf("%s is fetched, pinned: %v", c.URL, c.Restores)
	}
}

// Who adds a URL whose restore waits, or runs, or that is being carried in, asks
// for more than that.
func TestAnAdditionIsMoreThanARestore(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	add(t, s, cudaURL)
	c := claimNext(t, s)
	if c.Restores {
		t.Error("an addition is bound to the bytes that were lost")
	}
	publish(t, c, "new bytes")
	flip(t, s, digestOf("new bytes"))
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	busy := func(what string) {
		if _, err := s.Add(Addition{URL: cudaURL}, By{"cli", "test"}); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c = claimNext(t, s)
	busy("while a restore runs")
	publish(t, c, "new bytes")
}

// What was evicted stays so, though its restore waits.
func TestARestoreUndoesNoEvict(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	run(t, s.dir, "rm meta/*")
	if c, err := s.Claim(a.Key + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	want(t, s, Failed, a.Key+".job")
}
