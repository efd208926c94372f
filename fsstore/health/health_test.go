package health_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func TestHealth(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.HealthIs(t, s, "", false)
	storetest.Run(t, s.Dir(), "mv ../data ../elsewhere")
	storetest.HealthIs(t, s, "is gone", true)
	storetest.NoteErr(s)
	if _, err := os.Stat(s.Dir()); err == nil {
		t.Error("an empty tree was made in place of the one that is gone")
	}
	storetest.Run(t, "/", "mkdir "+s.Dir())
	storetest.HealthIs(t, s, "not in its place", true)
	storetest.NoteErr(s)
	if list, _ := os.ReadDir(s.Dir()); len(list) > 0 {
		t.Errorf("something was made in an empty directory: %v", list)
	}
	storetest.Run(t, s.Dir(), "rmdir ../data; mv ../elsewhere ../data")
	storetest.HealthIs(t, s, "", false)
	storetest.Run(t, s.Dir(), "cp -a ../data ../copy; mv ../data ../elsewhere; mv ../copy ../data")
	storetest.HealthIs(t, s, "", false) // a restored one is taken
}

func TestLinkToNothing(t *testing.T) {
	dir := t.TempDir() + "/data"
	storetest.Run(t, filepath.Dir(dir), "ln -s ../nowhere data")
	if _, err := fsstore.Open(dir, fsstore.Options{}); err == nil || !strings.Contains(err.Error(), "is a link to ../nowhere") {
		t.Errorf("%v", err)
	}
}

func TestHealthOfParts(t *testing.T) {
	s := storetest.TestStore(t)
	for _, vital := range []string{"blobs", "meta"} {
		storetest.Run(t, s.Dir(), "mv "+vital+" ../away")
		for range 2 {
			storetest.HealthIs(t, s, vital+"/ is gone", true)
			if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictIll {
				t.Errorf("a miss while %s/ is gone: %s", vital, v)
			}
			*s.Monitor.Missing() = map[string]time.Time{vital: time.Now().Add(-time.Hour)}
		}
		storetest.Run(t, s.Dir(), "mv ../away "+vital)
		storetest.HealthIs(t, s, "", false)
	}
	storetest.Run(t, s.Dir(), "mv queue ../away")
	storetest.HealthIs(t, s, "queue/ is gone", false)
	if v := storetest.NoteMiss(t, s, "https://example.com/y.run", storetest.Client1); v != fsstore.VerdictNoted {
		t.Errorf("a miss while queue/ is gone: %s", v)
	}
	storetest.Run(t, s.Dir(), "mv ../away queue; rm misses/*")
	storetest.HealthIs(t, s, "", false)
	storetest.Run(t, s.Dir(), "rmdir misses")
	storetest.HealthIs(t, s, "misses/ is gone", false)
	storetest.HealthIs(t, s, "misses/ is gone", false) // it may be on its way back
	(*s.Monitor.Missing())["misses"] = time.Now().Add(-time.Hour)
	storetest.HealthIs(t, s, "", false)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "mv hits ../hits; ln -s ../hits hits")
	storetest.HealthIs(t, s, "hits/ is a link", false)
}

// TestTroubleIsSaidOnce: the log has one line when it begins and one when it
// is over, whoever noticed, and none for what follows from another.
func TestTroubleIsSaidOnce(t *testing.T) {
	log := &bytes.Buffer{}
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	begins, over := "trouble begins", "trouble is over"
	for range 5 {
		s.SetTrouble("watch a", "no watch", errors.New("x"))
		s.SetTrouble("watch b", "no watch", errors.New("x"))
	}
	storetest.HealthIs(t, s, "no watch", false)
	s.SetTrouble("watch a", "no watch", nil)
	storetest.HealthIs(t, s, "no watch", false)
	if n := strings.Count(log.String(), begins); n != 1 || strings.Contains(log.String(), over) {
		t.Errorf("%d begin:\n%s", n, log)
	}
	s.SetTrouble("watch b", "no watch", nil)
	storetest.HealthIs(t, s, "", false)
	if n := strings.Count(log.String(), over); n != 1 {
		t.Errorf("%d are over:\n%s", n, log)
	}
	storetest.Run(t, s.Dir(), "mv ../data ../elsewhere")
	for range 5 {
		s.SetTrouble("hits", "no hits", errors.New("x"))
		storetest.Beat(s)
	}
	storetest.HealthIs(t, s, "is gone", true)
	if n := strings.Count(log.String(), begins); n != 2 {
		t.Errorf("%d begin:\n%s", n, log)
	}
	storetest.Run(t, "/", "cd "+filepath.Dir(s.Dir())+"; mv elsewhere data")
}

// TestALockThatIsHeld: who holds the lock of a number stops neither recovery nor
// the end of the server.
func TestALockThatIsHeld(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "echo 7 > hits/"+a.Key)
	f, err := tree.Open(storetest.Path(s, "hits", a.Key), os.O_RDWR)
	if err != nil || tree.Lock(f) != nil {
		t.Fatal(err)
	}
	s.Hit(a.Key)
	began := time.Now()
	storetest.Beat(s)
	if took := time.Since(began); took > time.Minute || s.Hits(a.Key) != 8 {
		t.Errorf("%v, %d hits", took, s.Hits(a.Key))
	}
	f.Close()
	storetest.Beat(s)
	storetest.Run(t, s.Dir(), "test $(cat hits/*) = 8")
}
