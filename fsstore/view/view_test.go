package view_test

import (
	"context"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func startView(t testing.TB, s *fsstore.Store) *fsstore.View {
	t.Helper()
	v := s.NewView()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { v.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return v
}

// told waits until a change of dir and name comes.
func told(t testing.TB, c <-chan fsstore.Change, dir, name string) {
	t.Helper()
	end := time.After(30 * time.Second)
	for {
		select {
		case got := <-c:
			if got.Dir == dir && (got.Name == name || got.Name == "") {
				return
			}
		case <-end:
			t.Fatalf("no change of %s/%s was told", dir, name)
		}
	}
}

func TestViewShowsWhatTheShellDoes(t *testing.T) {
	s := storetest.TestStore(t)
	v := startView(t, s)
	changes, end := v.Subscribe()
	defer end()
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	told(t, changes, "misses", k)
	if list := v.Jobs(fsstore.Misses); len(list) != 1 || list[0].Key != k {
		t.Fatalf("misses: %+v", list)
	}
	storetest.Run(t, s.Dir(), "mv misses/* queue/")
	told(t, changes, "misses", k)
	told(t, changes, "queue", k)
	c := storetest.ClaimNext(t, s)
	told(t, changes, "queue", k)
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("12345"))
	told(t, changes, "active", tree.ActiveJobName(k, c.Worker))
	if list := v.Jobs(fsstore.Active); len(list) != 1 || list[0].Part != 5 {
		t.Errorf("active: %+v", list)
	}
	if _, err := c.Publish(p, fsstore.Origin{}); err != nil {
		t.Fatal(err)
	}
	told(t, changes, "meta", k+".json")
	s.Hit(k)
	s.FlushHits()
	v.Expire()
	if list, _ := v.Artifacts("", "hits", 0, 10); len(list) != 1 || list[0].URL != storetest.CudaURL || list[0].Hits != 1 {
		t.Errorf("artifacts: %+v", list)
	}
	storetest.Run(t, s.Dir(), "rm meta/*")
	told(t, changes, "meta", k+".json")
	if list, _ := v.Artifacts("", "new", 0, 10); len(list) != 0 {
		t.Errorf("evicted, and shown: %+v", list)
	}
}

func TestViewForgetsAndComesBack(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "x")
	v := s.NewView()
	for range 2 {
		if _, n := v.Artifacts("", "new", 0, 10); n != 1 || v.Count(fsstore.Done) != 1 {
			t.Error("the view is not what the directory holds")
		}
		v.Forget()
	}
}

// TestCountLoadsNothing: a server that is only asked for numbers holds no job and no hits.
func TestCountLoadsNothing(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Hold(t, s, storetest.CudaURL, "x").Key
	storetest.Run(t, s.Dir(), "echo 3 > hits/"+k+"; touch done/."+k+"; touch failed/"+k+".why")
	v := s.NewView()
	for range 2 {
		n, bytes := v.Held()
		if n != 1 || bytes != 1 || v.Count(fsstore.Done) != 1 || v.Count(fsstore.Failed) != 0 {
			t.Errorf("%d artifacts of %d bytes, %d done", n, bytes, v.Count(fsstore.Done))
		}
		v.Tick()
		v.Reread(k)
	}
	if v.Loaded(fsstore.Done) != 0 || v.LoadedHits() {
		t.Errorf("%d jobs are in memory, and hits: %v", v.Loaded(fsstore.Done), v.LoadedHits())
	}
	v.Ended(0, 1)
	storetest.Run(t, s.Dir(), "rm done/"+k+".job")
	v.Expire()
	if n := v.Count(fsstore.Done); n != 0 {
		t.Errorf("%d are done after rm", n)
	}
}

func TestWhatIsSavedIsNeverNegative(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	for hits, want := range map[string]int64{"3": 15, "9223372036854775807": math.MaxInt64} {
		storetest.Run(t, s.Dir(), "echo "+hits+" > hits/"+a.Key)
		v := s.NewView()
		if list, _ := v.Artifacts("", "saved", 0, 10); len(list) != 1 || list[0].Saved() != want {
			t.Errorf("%s hits: %+v saved %d", hits, list, list[0].Saved())
		}
	}
}

func TestStatsAreAddedByDay(t *testing.T) {
	storetest.LongDay()
	dir := t.TempDir() + "/data"
	var wg sync.WaitGroup
	for range 4 {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		wg.Go(func() {
			for range 50 {
				s.Stat(fsstore.StatServedBytes, 10)
				s.Stat(fsstore.StatHits, 1)
				storetest.Flushed(t, s.FlushStats)
			}
		})
	}
	wg.Wait()
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	days, err := s.Stats(90)
	if err != nil || len(days) != 90 {
		t.Fatal(len(days), err)
	}
	if n := days[89].N; n[fsstore.StatServedBytes] != 2000 || n[fsstore.StatHits] != 200 {
		t.Errorf("today: %v", n)
	}
	storetest.Run(t, dir, "echo garbage >> stats/*; cat stats/* | grep -q '^hits 200$'")
	if days, err := s.Stats(1); err != nil || days[0].N[fsstore.StatHits] != 200 {
		t.Error(days, err)
	}
}

func BenchmarkView100k(b *testing.B) {
	s := storetest.TestStore(b)
	storetest.FillMeta(b, s, 100_000)
	v := s.NewView()
	v.Held()
	for b.Loop() {
		v.Expire()
		if n, _ := v.Held(); n != 100_000 {
			b.Fatal("not all")
		}
	}
}

// Who asks for the sum must not wait for ever beside a row that comes.
func TestHeldWhileRowsCome(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Hold(t, s, storetest.CudaURL, "x").Key
	v := s.NewView()
	v.Held()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					v.Held()
				}
			}
		})
	}
	all.Go(func() {
		defer close(stop)
		for i := range 20_000 {
			mtime := time.Unix(int64(i), 0)
			os.Chtimes(storetest.Path(s, "meta", k+".json"), mtime, mtime)
			v.Reread(k)
		}
	})
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatal("Held does not return")
	}
	if n, bytes := v.Held(); n != 1 || bytes != 1 {
		t.Errorf("%d artifacts of %d bytes", n, bytes)
	}
}
