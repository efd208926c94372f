package spool_test

import (
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"testing"
	"time"
)

func TestWatchWakes(t *testing.T) {
	s := storetest.TestStore(t)
	wake := s.Watch(t.Context(), time.Hour, fsstore.Queue)
	end := time.After(30 * time.Second)
	for i := 0; ; i++ { // the watch begins in its own time
		storetest.Run(t, s.Dir(), fmt.Sprintf("echo https://example.com/x.run > queue/%d.job", i))
		select {
		case <-wake:
			return
		case <-end:
			t.Fatal("no wake-up for a file in queue/")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
