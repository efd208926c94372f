package upkeep_test

import (
	"errors"
	"io/fs"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/upkeep"
)

// What is gone from meta/ without a word is lost, and written anew.
func TestALostMetaIsWrittenAnew(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		found  int
		held   string // after a repair
	}{
		"rm":               {"rm meta/*; sed -i '/ done /s/^20../2021/' done/$K.job", 1, "second"},
		"rm and gc":        {"rm meta/*; mv blobs/$SECOND tmp/$SECOND.gone", 1, "second"},
		"an older meta":    {"cp ../older meta/$K.json", 1, "second"},
		"evicted":          {"echo 2030-01-01T00:00:00Z evicted shell >> done/$K.job; rm meta/*", 0, ""},
		"the blob, too":    {"rm meta/* blobs/$SECOND", 0, ""},
		"rotten":           {"rm meta/*; chmod +w blobs/$SECOND; echo x > blobs/$SECOND", 1, ""}, // of the blob alone
		"a clock set back": {"mv done/$K.2.job done/$K.job; sed -i 's/\"fetched_at\": \"..../\"fetched_at\": \"2001/' meta/$K.json", 0, "second"},
		"newer than done":  {"sed -i '/ done /s/^20../1999/' done/$K.job; cp ../older meta/$K.json", 0, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.TestStore(t)
			a := storetest.Hold(t, s, storetest.CudaURL, "first")
			storetest.Run(t, s.Dir(), "cp meta/"+a.Key+".json ../older; sed -i 's/\"fetched_at\": \"..../\"fetched_at\": \"2001/' ../older")
			b := storetest.Hold(t, s, storetest.CudaURL, "second")
			storetest.Run(t, s.Dir(), "K="+a.Key+" SECOND="+b.SHA256+"; "+c.script)
			for _, quick := range []bool{true, false} {
				if r := storetest.Checked(t, s, fsstore.FsckOptions{Quick: quick}); len(r.Problems) != c.found && !(quick && name == "rotten") {
					t.Errorf("quick %v: %+v", quick, r.Problems)
				}
			}
			for _, quick := range []bool{true, false} {
				storetest.Checked(t, s, fsstore.FsckOptions{Quick: quick, Repair: true})
				if name == "rotten" {
					storetest.Run(t, s.Dir(), "test -z \"$(ls meta)\"")
				}
			}
			got, err := s.Lookup(storetest.CudaURL)
			if c.held == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("held: %+v, %v", got, err)
				}
				return
			}
			if err != nil || got.SHA256 != storetest.DigestOf(c.held) || got.Size != int64(len(c.held)) {
				t.Fatalf("%+v, %v", got, err)
			}
			if name == "rm" && (got.Claim != b.Claim || *got.Approved != *b.Approved || got.Fetched.Year() != 2021) {
				t.Errorf("%+v, it was %+v", got, b)
			}
			storetest.Sound(t, s)
		})
	}
}

// Whoever evicts while fsck looks, or while it reads the blob, is not undone.
func TestFsckUndoesNoEvict(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	before, _ := s.LastRecord(a.Key)
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	c := upkeep.NewChecker(t.Context(), s.Keeper, fsstore.FsckOptions{Repair: true})
	if list := c.LostMeta(a.Key); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if err := c.WriteAnew(a.Key, &before); err == nil || len(storetest.Ls(t, s, "meta")) != 0 {
		t.Errorf("it is held again: %v", err)
	}
}
