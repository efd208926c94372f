package fsstore

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"
)

func startView(t testing.TB, s *Store) *View {
	t.Helper()
	v := s.NewView()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { v.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return v
}

// told waits until a change of dir and name comes.
func told(t testing.TB, c <-chan Change, dir, name string) {
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
	s := testStore(t)
	v := startView(t, s)
	changes, end := v.Subscribe()
	defer end()
	k := keyOf(t, cudaURL)
	noteMiss(t, s, cudaURL, client1)
	told(t, changes, "misses", k)
	if list := v.Jobs(Misses); len(list) != 1 || list[0].Key != k {
		t.Fatalf("misses: %+v", list)
	}
	run(t, s.dir, "mv misses/* queue/")
	told(t, changes, "misses", k)
	told(t, changes, "queue", k)
	c := claimNext(t, s)
	told(t, changes, "queue", k)
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("12345"))
	told(t, changes, "active", activeJobName(k, c.Worker))
	if list := v.Jobs(Active); len(list) != 1 || list[0].Part != 5 {
		t.Errorf("active: %+v", list)
	}
	if _, err := c.Publish(p, Origin{}); err != nil {
		t.Fatal(err)
	}
	told(t, changes, "meta", k+".json")
	s.Hit(k)
	s.flushHits()
	v.stale()
	if list := v.Artifacts(); len(list) != 1 || list[0].URL != cudaURL || list[0].Hits != 1 {
		t.Errorf("artifacts: %+v", list)
	}
	run(t, s.dir, "rm meta/*")
	told(t, changes, "meta", k+".json")
	if list := v.Artifacts(); len(list) != 0 {
		t.Errorf("evicted, and shown: %+v", list)
	}
}

func TestViewForgetsAndComesBack(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "x")
	v := s.NewView()
	for range 2 {
		if len(v.Artifacts()) != 1 || v.Count(Done) != 1 {
			t.Error("the picture is not the directory")
		}
		v.forget()
	}
}

func TestWhatIsSavedIsNeverNegative(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	for hits, want := range map[string]int64{"3": 15, "9223372036854775807": math.MaxInt64} {
		run(t, s.dir, "echo "+hits+" > hits/"+a.Key)
		v := s.NewView()
		if list := v.Artifacts(); len(list) != 1 || list[0].Saved() != want {
			t.Errorf("%s hits: %+v saved %d", hits, list, list[0].Saved())
		}
	}
}

// longDay returns when there is some of the day left, for who compares with what is
// counted today.
func longDay() {
	today := now().Truncate(24 * time.Hour)
	if left := time.Until(today.Add(24 * time.Hour)); left < time.Minute {
		time.Sleep(left)
	}
}

func TestStatsAreAddedByDay(t *testing.T) {
	longDay()
	dir := t.TempDir() + "/data"
	var wg sync.WaitGroup
	for range 4 {
		s := openAt(t, dir, Options{})
		wg.Go(func() {
			for range 50 {
				s.Stat(StatServedBytes, 10)
				s.Stat(StatHits, 1)
				flushed(t, s.flushStats)
			}
		})
	}
	wg.Wait()
	s := openAt(t, dir, Options{})
	days, err := s.Stats(90)
	if err != nil || len(days) != 90 {
		t.Fatal(len(days), err)
	}
	if n := days[89].N; n[StatServedBytes] != 2000 || n[StatHits] != 200 {
		t.Errorf("today: %v", n)
	}
	run(t, dir, "echo garbage >> stats/*; cat stats/* | grep -q '^hits 200$'")
	if days, err := s.Stats(1); err != nil || days[0].N[StatHits] != 200 {
		t.Error(days, err)
	}
}

func BenchmarkView100k(b *testing.B) {
	s := testStore(b)
	fillMeta(b, s, 100_000)
	v := s.NewView()
	v.Artifacts()
	for b.Loop() {
		v.stale()
		if len(v.Artifacts()) != 100_000 {
			b.Fatal("not all")
		}
	}
}
