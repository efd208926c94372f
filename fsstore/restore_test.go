package fsstore

import (
	"testing"
)

// carry holds what an operator has carried in by hand.
func carry(t *testing.T, s *Store, url, body string) *Artifact {
	t.Helper()
	c, err := s.ClaimFor(Addition{URL: url}, By{"cli", "test"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Part(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	a, err := c.Publish(p, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Nobody has approved a fetch of what was carried in: when its blob rots
// neither the scrub nor fsck asks the net for it, whether its job is still in
// done/ or not.
func TestWhatWasCarriedInIsNotFetched(t *testing.T) {
	for _, history := range []string{"true", "rm done/*"} {
		s := testStore(t)
		a := carry(t, s, cudaURL, "bytes")
		flip(t, s, a.SHA256)
		run(t, s.dir, history)
		scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
		want(t, s, Queue)
		if f := s.Findings(); len(f) != 1 || f[0].Advice != carryAgain {
			t.Errorf("%s: %+v", history, f)
		}
		fsck(t, s, FsckOptions{Repair: true})
		want(t, s, Queue)
		carry(t, s, cudaURL, "bytes")
		if f := s.Findings(); len(f) != 0 {
			t.Errorf("%s: carried in again, and still a finding: %+v", history, f)
		}
		sound(t, s)
	}
}

// What a person had fetched since it was carried in came from the net.
func TestWhatWasFetchedSinceItWasCarriedIn(t *testing.T) {
	s := testStore(t)
	a := carry(t, s, cudaURL, "bytes")
	if err := s.Retry(a.Key+".job", By{"web", ""}); err != nil {
		t.Fatal(err)
	}
	a = publish(t, claimNext(t, s), "new bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	want(t, s, Queue, a.Key+".job")
}
