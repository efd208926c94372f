package fsstore

import (
	"fmt"
	"os"
	"testing"
)

// fillMeta makes n artifacts without fsync, as files.
func fillMeta(b *testing.B, s *Store, n int) (urls []string) {
	b.Helper()
	body := digestOf("x")
	if err := os.WriteFile(s.path("blobs", body), []byte("x"), 0o444); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		url := fmt.Sprintf("https://developer.download.nvidia.com/compute/cuda/repos/%d/package-%d.deb", i%100, i)
		m := Meta{URL: url, URLSum: sumOf(url), Size: 1, SHA256: body, Fetched: now(), FinalURL: url,
			Header:   map[string]string{"Content-Type": "application/octet-stream", "Last-Modified": "Tue, 03 Jun 2025 10:00:00 GMT", "Etag": `"683ec-1"`},
			Approved: &Approval{"web", "10.0.0.2", now()}, Misses: 3, Claim: newWorker()}
		text, err := m.encode()
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(s.path("meta", keyOf(b, url)+".json"), text, 0o660); err != nil {
			b.Fatal(err)
		}
		urls = append(urls, url)
	}
	return urls
}

func BenchmarkLookup(b *testing.B) {
	s := testStore(b)
	urls := fillMeta(b, s, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Lookup(urls[i%1000]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkArtifacts100k(b *testing.B) {
	s := testStore(b)
	fillMeta(b, s, 100_000)
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
	s := testStore(b)
	fillMeta(b, s, 100_000)
	for b.Loop() {
		if keys, err := s.Keys(); err != nil || len(keys) != 100_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkRepeatedMiss(b *testing.B) {
	s := testStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Miss(cudaURL, Asker{client1, "curl/7.88.1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewMiss(b *testing.B) {
	s := openAt(b, b.TempDir()+"/data", Options{MaxMisses: 1 << 30})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Miss(fmt.Sprintf("https://example.com/%d.run", i), Asker{client1, "curl/7.88.1"}); err != nil {
			b.Fatal(err)
		}
	}
}
