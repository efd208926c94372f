package live

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore"
)

// TestSlowReader: who reads nothing is hinted at everything at the end, and holds
// nobody up.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	h := New(nil, nil, nil)
	st := h.join()
	for range backlog + 10 {
		h.tell(event("misses", ""))
	}
	got := map[string]bool{}
	for len(st.c) > 0 {
		name, _, _ := strings.Cut(strings.TrimPrefix(string(<-st.c), "event: "), "\n")
		got[name] = true
	}
	if !maps.Equal(got, everything) {
		t.Errorf("it is told of %v", got)
	}
}

// TestStreamsAreBounded: each takes memory, and who leaves makes room.
func TestStreamsAreBounded(t *testing.T) {
	h := New(nil, nil, nil)
	var last *stream
	for range maxStreams {
		if last = h.join(); last == nil {
			t.Fatalf("%d streams, and no room", len(h.streams))
		}
	}
	if h.join() != nil {
		t.Error("there is no end")
	}
	if h.leave(last); h.join() == nil {
		t.Error("nobody can come after one has left")
	}
}

// TestAStreamMayComeFirst: one that joins before the hub runs ends with it.
func TestAStreamMayComeFirst(t *testing.T) {
	store, err := fsstore.Open(filepath.Join(t.TempDir(), "data"), fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	header := func() (string, error) { return "", nil }
	for range 100 {
		h := New(store.NewView(), header, nil)
		run := h.Begin()
		st := h.join()
		h.leave(st)
		ctx, cancel := context.WithCancel(context.Background())
		var work sync.WaitGroup
		work.Go(func() { run(ctx) })
		cancel()
		work.Wait()
		select {
		case <-st.ended:
		default:
			t.Fatal("it does not end")
		}
	}
}
