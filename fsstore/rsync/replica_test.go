package rsync_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/rsync"
	"fromcache/httpd"
)

func openMain(t *testing.T) *fsstore.Store {
	t.Helper()
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Fatal("rsync is not installed; make needs installs it")
	}
	return storetest.TestStore(t)
}

// carry holds random bytes as the artifact of a URL, and returns it.
func carry(t *testing.T, s *fsstore.Store, url string) *fsstore.Artifact {
	b := make([]byte, 20_000)
	rand.Read(b)
	a, err := storetest.Put(s, fsstore.Addition{URL: url, AcceptAny: true}, string(b))
	if err != nil {
		t.Error(err)
	}
	return a
}

func syncTo(t *testing.T, s *fsstore.Store, dest string) rsync.Report {
	t.Helper()
	y, err := rsync.New(s, rsync.Options{Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	r, err := y.Replica(t.Context(), dest)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// TestWhatHasNoBlobIsLeftOut: a meta whose blob is missing here does not come into a replica, and one
// that is there stays with the blob that it names.
func TestWhatHasNoBlobIsLeftOut(t *testing.T) {
	s, to := openMain(t), t.TempDir()+"/replica"
	kept, lost := carry(t, s, "https://example.com/kept"), carry(t, s, "https://example.com/lost")
	if err := os.Remove(s.BlobPath(lost.SHA256)); err != nil {
		t.Fatal(err)
	}
	if r := syncTo(t, s, to); r.Artifacts != 1 || r.Lacking != 1 {
		t.Errorf("%+v", r)
	}
	if exists(to+"/meta/"+lost.Key+".json") || !exists(to+"/meta/"+kept.Key+".json") {
		t.Error("not what has a blob, and that alone, is in the replica")
	}
	newer := carry(t, s, "https://example.com/kept")
	if err := os.Remove(s.BlobPath(newer.SHA256)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		syncTo(t, s, to)
	}
	b, err := os.ReadFile(to + "/meta/" + kept.Key + ".json")
	if err != nil || !strings.Contains(string(b), kept.SHA256) || !exists(to+"/blobs/"+kept.SHA256) {
		t.Errorf("the older version is not held any more: %v, %s", err, b)
	}
}

// TestOptionsDontHideALiveCache: where options keep rsync from listing what a destination holds, it is
// not taken for empty.
func TestOptionsDontHideALiveCache(t *testing.T) {
	s, live := openMain(t), openMain(t)
	a := carry(t, live, "https://example.com/live")
	if _, err := live.SessionSecret(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-q"}, {"-avhq"}, {"--stderr=all"}, {"--exclude=session-secret"}, {"-f-_*"}} {
		y, err := rsync.New(s, rsync.Options{Args: args, Delete: true})
		if err != nil {
			continue // it is refused
		}
		if _, err := y.Replica(t.Context(), live.Dir()); err == nil {
			t.Errorf("%q: a live cache was made a replica", args)
		}
		if err := y.Backup(t.Context(), live.Dir()); err == nil {
			t.Errorf("%q: a live cache was made a backup", args)
		}
	}
	if exists(live.Dir()+"/"+fsstore.ReplicaMark) || !exists(live.Dir()+"/meta/"+a.Key+".json") {
		t.Error("it was written to")
	}
	y, err := rsync.New(s, rsync.Options{Args: []string{"-avhh"}})
	if err != nil {
		t.Fatal(err)
	}
	carry(t, s, "https://example.com/one")
	if r, err := y.Replica(t.Context(), t.TempDir()+"/replica"); err != nil || r.Artifacts != 1 {
		t.Errorf("with sizes for people: %+v, %v", r, err)
	}
}

// TestABlobOutlivesItsMetaByASync: a replaced blob goes with the sync after the one that brought the
// new one, and what is named stays.
func TestABlobOutlivesItsMetaByASync(t *testing.T) {
	s, to := openMain(t), t.TempDir()+"/replica"
	first := carry(t, s, "https://example.com/a")
	syncTo(t, s, to)
	second := carry(t, s, "https://example.com/a")
	if r := syncTo(t, s, to); r.Freed != 0 || !exists(to+"/blobs/"+first.SHA256) {
		t.Errorf("%+v: the first version is gone at once", r)
	}
	if r := syncTo(t, s, to); r.Freed != 1 || exists(to+"/blobs/"+first.SHA256) || !exists(to+"/blobs/"+second.SHA256) {
		t.Errorf("%+v", r)
	}
}

// TestAReplicaIsWholeMeanwhile: while an artifact after the other is replaced, evicted and added, with
// a gc after each, and sync follows, each answer of the replica is whole, what is never evicted is
// always held, and no meta there is ever without its blob.
func TestAReplicaIsWholeMeanwhile(t *testing.T) {
	s, to := openMain(t), t.TempDir()+"/replica"
	const artifacts = 30
	for i := range artifacts {
		carry(t, s, urlOf(i))
	}
	syncTo(t, s, to)
	replica, err := fsstore.Open(to, fsstore.Options{Replica: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := httpd.New(replica, httpd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	defer web.Close()
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var gets, looks atomic.Int64
	work.Go(func() { churn(ctx, t, s, artifacts) })
	for range 2 {
		work.Go(func() { hammer(ctx, t, web, artifacts, &gets) })
	}
	work.Go(func() { lookForMetasAlone(ctx, t, to, &looks) })
	var sum rsync.Report
	for range 5 {
		r := syncTo(t, s, to)
		sum.Evicted, sum.Freed = sum.Evicted+r.Evicted, sum.Freed+r.Freed
	}
	stop()
	work.Wait()
	t.Logf("%d GETs, %d looks at meta/, %d evicted, %d freed", gets.Load(), looks.Load(), sum.Evicted, sum.Freed)
	if gets.Load() == 0 || looks.Load() == 0 || sum.Freed == 0 {
		t.Error("nothing was tried")
	}
}

// urlOf returns a URL; every third is evicted now and then.
func urlOf(i int) string { return fmt.Sprintf("https://example.com/%d.bin", i) }

func churn(ctx context.Context, t *testing.T, s *fsstore.Store, artifacts int) {
	for i := 0; ctx.Err() == nil; i++ {
		a := carry(t, s, urlOf(i%artifacts))
		if i%3 == 0 && i%2 == 0 && a != nil {
			if err := s.Evict(a.Key, storetest.Operator); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.GC(fsstore.GCOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}

func hammer(ctx context.Context, t *testing.T, web *httptest.Server, artifacts int, gets *atomic.Int64) {
	for i := 0; ctx.Err() == nil; i++ {
		n := i % artifacts
		answer, err := web.Client().Get(web.URL + "/blob?url=" + url.QueryEscape(urlOf(n)))
		if err != nil {
			t.Error(err)
			return
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		gets.Add(1)
		switch {
		case answer.StatusCode == http.StatusNotFound && n%3 == 0:
		case answer.StatusCode != http.StatusOK || err != nil:
			t.Errorf("%d: %s, %v", n, answer.Status, err)
		case fmt.Sprintf("%x", sha256.Sum256(b)) != answer.Header.Get("X-Fromcache-Sha256"):
			t.Errorf("%d: %d bytes that are not what the header says", n, len(b))
		}
	}
}

// lookForMetasAlone reads each meta of the replica, and wants its blob. A meta that has changed since
// it was read proves nothing.
func lookForMetasAlone(ctx context.Context, t *testing.T, dir string, looks *atomic.Int64) {
	for ctx.Err() == nil {
		entries, err := os.ReadDir(dir + "/meta")
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range entries {
			path := dir + "/meta/" + e.Name()
			b, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) || e.Name()[0] == '.' {
				continue
			}
			var m fsstore.Meta
			if err := json.Unmarshal(b, &m); err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			info, err := os.Lstat(dir + "/blobs/" + m.SHA256)
			looks.Add(1)
			if err == nil && info.Size() == m.Size {
				continue
			}
			if again, _ := os.ReadFile(path); string(again) == string(b) {
				t.Errorf("%s has no blob: %v", e.Name(), err)
			}
		}
	}
}
