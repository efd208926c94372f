package fsstore_test

import (
	"fmt"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

func BenchmarkLookup(b *testing.B) {
	s := storetest.TestStore(b)
	urls := storetest.FillMeta(b, s, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Lookup(urls[i%1000]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkArtifacts100k(b *testing.B) {
	s := storetest.TestStore(b)
	storetest.FillMeta(b, s, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range s.Artifacts() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkKeys100k(b *testing.B) {
	s := storetest.TestStore(b)
	storetest.FillMeta(b, s, 100_000)
	for b.Loop() {
		if keys, err := s.Keys(); err != nil || len(keys) != 100_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkRepeatedMiss(b *testing.B) {
	s := storetest.TestStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.NoteMiss(storetest.CudaURL, fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl/7.88.1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewMiss(b *testing.B) {
	s := storetest.OpenAt(b, b.TempDir()+"/data", fsstore.Options{MaxMisses: 1 << 30})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.NoteMiss(fmt.Sprintf("https://example.com/%d.run", i), fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl/7.88.1"}); err != nil {
			b.Fatal(err)
		}
	}
}
