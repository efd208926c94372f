package pages

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/access"
)

// TestSlowReader: who reads nothing is hinted at everything at the end, and holds
// nobody up.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	h := newHub(nil)
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
	h := newHub(nil)
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
	s, err := New(store, access.New(access.Options{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		ctx, cancel := context.WithCancel(context.Background())
		wait := s.Start(ctx)
		st := s.hub.join()
		s.hub.leave(st)
		cancel()
		wait()
		select {
		case <-st.ended:
		case <-time.After(30 * time.Second):
			t.Fatal("it does not end")
		}
	}
}
