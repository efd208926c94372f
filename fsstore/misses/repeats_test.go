package misses_test

import (
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/misses"
)

func TestRepeatsAreGathered(t *testing.T) {
	s := storetest.TestStore(t)
	for range 1000 {
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	}
	list, err := s.Jobs(fsstore.Misses)
	if err != nil || len(list) != 1 || list[0].Job.Size > misses.YoungMiss+100 {
		t.Fatalf("%+v, %v", list, err)
	}
	lines := len(list[0].Job.Events)
	for range 2 { // two minutes pass, in which it goes on asking
		s.MakeOlder(2 * misses.GatherFor)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Must(t, s.FlushRepeats(misses.GatherFor))
	}
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	lines += 2
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, _ = s.Jobs(fsstore.Misses)
	if n, _ := list[0].Job.Misses(); n != 1003 || len(list[0].Job.Events) != lines+1 {
		t.Errorf("%d misses in %d lines", n, len(list[0].Job.Events))
	}
}
