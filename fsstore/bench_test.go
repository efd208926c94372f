package fsstore_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
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

// BenchmarkLarge walks a data directory with 100,000 artifacts, or FROMCACHE_BENCH_ARTIFACTS.
func BenchmarkLarge(b *testing.B) {
	n, dir := 100_000, b.TempDir()+"/data"
	if v := os.Getenv("FROMCACHE_BENCH_ARTIFACTS"); v != "" {
		var err error
		n, err = strconv.Atoi(v)
		storetest.Must(b, err)
	}
	storetest.Must(b, storetest.FillLarge(dir, n))
	s := storetest.OpenAt(b, dir, fsstore.Options{})
	for name, walk := range map[string]func() (int, error){
		"Artifacts": func() (found int, err error) {
			for _, wrong := range s.Artifacts() {
				found, err = found+1, errors.Join(err, wrong)
			}
			return found, err
		},
		"Keys": func() (int, error) {
			keys, err := s.Keys()
			return len(keys), err
		},
		"FsckQuick": func() (int, error) {
			r, err := s.Fsck(b.Context(), fsstore.FsckOptions{Quick: true})
			return r.Artifacts - len(r.Problems), err
		},
		"GC": func() (int, error) {
			r, err := s.GC(fsstore.GCOptions{})
			return n - len(r.Gone), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found, err := walk(); err != nil || found != n {
					b.Fatal(found, err)
				}
			}
		})
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
