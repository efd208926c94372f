package fsstore

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// healthIs looks again, and wants one trouble whose words hold what, or none.
func healthIs(t *testing.T, s *Store, what string, grave bool) {
	t.Helper()
	s.lookAt(0)
	list := s.health.list()
	switch {
	case what == "" && len(list) > 0:
		t.Errorf("it is not well: %+v", list)
	case what != "" && (len(list) != 1 || !strings.Contains(list[0].What, what) || list[0].Grave != grave):
		t.Errorf("%q was to be wrong: %+v", what, list)
	}
}

func TestHealth(t *testing.T) {
	s := testStore(t)
	healthIs(t, s, "", false)
	run(t, s.dir, "mv ../data ../elsewhere")
	healthIs(t, s, "is gone", true)
	noteErr(s)
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("an empty tree was made in place of the one that is gone")
	}
	run(t, "/", "mkdir "+s.dir)
	healthIs(t, s, "not in its place", true)
	noteErr(s)
	if list, _ := os.ReadDir(s.dir); len(list) > 0 {
		t.Errorf("something was made in an empty directory: %v", list)
	}
	run(t, s.dir, "rmdir ../data; mv ../elsewhere ../data")
	healthIs(t, s, "", false)
	run(t, s.dir, "cp -a ../data ../copy; mv ../data ../elsewhere; mv ../copy ../data")
	healthIs(t, s, "", false) // a restored one is taken
}

func TestLinkToNothing(t *testing.T) {
	dir := t.TempDir() + "/data"
	run(t, filepath.Dir(dir), "ln -s ../nowhere data")
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "is a link to ../nowhere") {
		t.Errorf("%v", err)
	}
}

func TestHealthOfParts(t *testing.T) {
	s := testStore(t)
	for _, vital := range []string{"blobs", "meta"} {
		run(t, s.dir, "mv "+vital+" ../away")
		for range 2 {
			healthIs(t, s, vital+"/ is gone", true)
			if v := noteMiss(t, s, cudaURL, client1); v != IsIll {
				t.Errorf("a miss while %s/ is gone: %s", vital, v)
			}
			s.health.missing = map[string]time.Time{vital: time.Now().Add(-time.Hour)}
		}
		run(t, s.dir, "mv ../away "+vital)
		healthIs(t, s, "", false)
	}
	run(t, s.dir, "mv queue ../away")
	healthIs(t, s, "queue/ is gone", false)
	if v := noteMiss(t, s, "https://example.com/y.run", client1); v != Noted {
		t.Errorf("a miss while queue/ is gone: %s", v)
	}
	run(t, s.dir, "mv ../away queue; rm misses/*")
	healthIs(t, s, "", false)
	run(t, s.dir, "rmdir misses")
	healthIs(t, s, "misses/ is gone", false)
	healthIs(t, s, "misses/ is gone", false) // it may be on its way back
	s.health.missing["misses"] = time.Now().Add(-time.Hour)
	healthIs(t, s, "", false)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "mv hits ../hits; ln -s ../hits hits")
	healthIs(t, s, "hits/ is a link", false)
}

// TestTroubleIsSaidOnce: the log has one line when it begins and one when it
// is over, whoever noticed, and none for what follows from another.
func TestTroubleIsSaidOnce(t *testing.T) {
	log := &bytes.Buffer{}
	s := openAt(t, t.TempDir()+"/data", Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	begins, over := "trouble begins", "trouble is over"
	for range 5 {
		s.Trouble("watch a", "no watch", errors.New("x"))
		s.Trouble("watch b", "no watch", errors.New("x"))
	}
	healthIs(t, s, "no watch", false)
	s.Trouble("watch a", "no watch", nil)
	healthIs(t, s, "no watch", false)
	if n := strings.Count(log.String(), begins); n != 1 || strings.Contains(log.String(), over) {
		t.Errorf("%d begin:\n%s", n, log)
	}
	s.Trouble("watch b", "no watch", nil)
	healthIs(t, s, "", false)
	if n := strings.Count(log.String(), over); n != 1 {
		t.Errorf("%d are over:\n%s", n, log)
	}
	run(t, s.dir, "mv ../data ../elsewhere")
	for range 5 {
		s.Trouble("hits", "no hits", errors.New("x"))
		s.beat()
	}
	healthIs(t, s, "is gone", true)
	if n := strings.Count(log.String(), begins); n != 2 {
		t.Errorf("%d begin:\n%s", n, log)
	}
	run(t, "/", "cd "+filepath.Dir(s.dir)+"; mv elsewhere data")
}

// TestALockThatIsHeld: who holds the lock of a number stops neither recovery nor
// the end of the server.
func TestALockThatIsHeld(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "echo 7 > hits/"+a.Key)
	f, err := open(s.path("hits", a.Key), os.O_RDWR)
	if err != nil || lock(f) != nil {
		t.Fatal(err)
	}
	s.Hit(a.Key)
	began := time.Now()
	s.beat()
	if took := time.Since(began); took > time.Minute || s.Hits(a.Key) != 8 {
		t.Errorf("%v, %d hits", took, s.Hits(a.Key))
	}
	f.Close()
	s.beat()
	run(t, s.dir, "test $(cat hits/*) = 8")
}
