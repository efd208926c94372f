package misses_test

import (
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"sync"
	"testing"
)

// A thousand clients at once find no more room than one after the other.
func TestRoomIsTakenBeforeTheFileIsMade(t *testing.T) {
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: 100})
	var clients sync.WaitGroup
	for i := range 400 {
		clients.Go(func() {
			addr := fmt.Sprintf("10.0.%d.1", i%2)
			if _, err := s.NoteMiss(fmt.Sprintf("https://example.com/%d.run", i), fsstore.Asker{Addr: addr, UserAgent: "curl"}); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != 20 {
		t.Errorf("two clients made %d misses of 100, not a tenth each", n)
	}
}

func TestMissesAreBounded(t *testing.T) {
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: 100})
	for client := range 20 {
		for i := range 50 {
			storetest.NoteMiss(t, s, fmt.Sprintf("https://example.com/%d/%d.run", client, i), fmt.Sprintf("10.0.0.%d", client))
		}
	}
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != 100 {
		t.Errorf("%d misses are noted, the cap is 100", n)
	}
	if n := s.NotNoted(); n != 900 {
		t.Errorf("%d were not noted", n)
	}
	share := map[string]int{}
	list, _ := s.Jobs(fsstore.Misses)
	for _, j := range list {
		share[j.Job.Clients()[0].Addr]++
	}
	for addr, n := range share {
		if n > 10 {
			t.Errorf("%s has %d of 100", addr, n)
		}
	}
	storetest.Run(t, s.Dir(), "rm misses/*")
	if err := s.CountMisses(); err != nil {
		t.Fatal(err)
	}
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.1"); v != fsstore.VerdictNoted {
		t.Errorf("after rm misses/*: %s", v)
	}
}

// TestMissesAreCountedWhileTheyAreMade: no listing forgets what is made meanwhile, or counts it
// twice, so that exactly as many have room as may be noted.
func TestMissesAreCountedWhileTheyAreMade(t *testing.T) {
	const clients, each = 12, 50 // a network may have a tenth of all
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: clients * each})
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				url := fmt.Sprintf("https://example.com/%d/%d.run", client, i)
				s.NoteMiss(url, fsstore.Asker{Addr: fmt.Sprintf("10.0.0.%d", client), UserAgent: "curl"})
			}
		})
	}
	for range 50 {
		if err := s.CountMisses(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != clients*each || s.NotNoted() != 0 {
		t.Errorf("%d of %d are noted, %d had no room", n, clients*each, s.NotNoted())
	}
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.1.1"); v != fsstore.VerdictFull {
		t.Errorf("one more than may be noted: %s", v)
	}
}

// What can't be listed is not full: nobody has to approve anything for it.
func TestUnlistedMissesAreNotTooMany(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "rmdir misses")
	if v, err := s.NoteMiss(storetest.CudaURL, fsstore.Asker{Addr: storetest.Client1}); v == fsstore.VerdictFull || err == nil || s.NotNoted() != 0 {
		t.Errorf("%s, %v, %d not noted for want of room", v, err, s.NotNoted())
	}
}
