package fsstore

import (
	"testing"
)

// What can't be noted is not approved: the old URL would be fetched, and later
// what another client asks for.
func TestHalfALineApprovesNothing(t *testing.T) {
	for name, approve := range map[string]func(s *Store, by By) error{
		"approve": func(s *Store, by By) error { return s.Approve(mustKey(cudaURL), by) },
		"add": func(s *Store, by By) error {
			_, err := s.Add(Addition{URL: cudaURL + "?token=new"}, by)
			return err
		},
	} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL+"?token=old", client1)
		before := text(t, s, Misses, k)
		roomy := fullAt(t, int64(len(before)+30))
		err := approve(s, By{"cli", "x"})
		roomy()
		if err == nil {
			t.Errorf("%s: approved without its line", name)
		}
		want(t, s, Misses, k)
		want(t, s, Queue)
		if got := text(t, s, Misses, k); got != before {
			t.Errorf("%s: left behind: %q", name, got[len(before):])
		}
	}
}

// The URL that an addition names is fetched, whatever else is noted in the miss.
func TestAddOverAMissFetchesItsURL(t *testing.T) {
	for _, script := range []string{"true", ": > misses/*"} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL+"?token=old", client1)
		run(t, s.dir, script)
		add(t, s, cudaURL+"?token=new")
		run(t, s.dir, "echo '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 "+cudaURL+"?token=late' >> queue/"+k+".job")
		if c := claimNext(t, s); c.URL != cudaURL+"?token=new" {
			t.Errorf("%s: fetching %s", script, c.URL)
		}
	}
}
