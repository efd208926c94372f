package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

const (
	largeTree = 100_000 // artifacts
	largeHits = 10_000
)

// BenchmarkLarge is what a cache-host of many years feels like.
func BenchmarkLarge(b *testing.B) {
	data := tree(b)
	fmt.Printf("\nlarge: %d artifacts\n", largeTree)
	residentAfterHits(b, firstAnswer(b, data, smallArtifact(largeTree/2)))
	list(b, data)
}

var makeTree sync.Once

// tree makes the artifacts of a large cache-host, once for all benchmarks.
func tree(b *testing.B) string {
	data := filepath.Join(dir, "large")
	makeTree.Do(func() { manyArtifacts(b, data, largeTree) })
	return data
}

// manyArtifacts writes the files of n artifacts of a few bytes each, in the documented format and without
// fsync.
func manyArtifacts(b *testing.B, data string, n int) {
	s, err := fsstore.Open(data, fsstore.Options{})
	must(b, err)
	defer s.Close()
	const hands = 4
	var wait sync.WaitGroup
	for hand := range hands {
		wait.Go(func() {
			for i := hand; i < n && !b.Failed(); i += hands {
				if err := writeArtifact(data, smallArtifact(i), s.Rule()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// smallArtifact is the i-th of many; its bytes are its URL.
func smallArtifact(i int) held {
	url := fmt.Sprintf("https://mirror.example/ubuntu/pool/main/p/package-%06d_1.%d.0_amd64.deb", i, i%100)
	sum := sha256.Sum256([]byte(url))
	return held{url, hex.EncodeToString(sum[:]), int64(len(url))}
}

func writeArtifact(data string, a held, rule key.Rule) error {
	u, err := key.Parse(a.url, rule)
	if err != nil {
		return err
	}
	meta, err := json.MarshalIndent(fsstore.Meta{
		URL: a.url, URLSum: u.Sum(), Size: a.size, SHA256: a.digest, FinalURL: a.url,
		Fetched:  time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Header:   map[string]string{"Content-Type": "application/octet-stream", "Last-Modified": "Tue, 03 Jun 2025 18:20:11 GMT", "Etag": `"5f1e-6a2b"`},
		Approved: &fsstore.Approval{Via: "web", Addr: "10.0.0.2", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		Misses:   3, Claim: "0123456789abcdef",
	}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(data, "blobs", a.digest), []byte(a.url), 0o444),
		os.WriteFile(filepath.Join(data, "meta", u.Key()+".json"), append(meta, '\n'), 0o660))
}

// firstAnswer starts the server a few times, and leaves the last one running.
func firstAnswer(b *testing.B, data string, a held) *server {
	var took []float64
	for n := choose(5, 3); ; n-- {
		begin := time.Now()
		s := serve(b, data)
		s.verify(b, answer{testbed.TokenPath(a.url), http.StatusOK}, a.size, a.digest)
		took = append(took, time.Since(begin).Seconds())
		if n == 1 {
			most := spreadOf(took)
			figure(fmt.Sprintf("first answer after the start, %d starts", len(took)),
				fmt.Sprintf("%.3f s", most.median), fmt.Sprintf("at most %.3f; limit 0.3 s", most.greatest), most.median <= 0.3)
			return s
		}
		s.stop()
	}
}

// settled is how long the server takes to write down its hits, and some.
const settled = 11 * time.Second

func residentAfterHits(b *testing.B, s *server) {
	var clients sync.WaitGroup
	for client := range connections {
		clients.Go(func() {
			for i := client; i < largeHits; i += connections {
				a := smallArtifact(i * (largeTree / largeHits))
				s.verify(b, answer{testbed.TokenPath(a.url), http.StatusOK}, a.size, a.digest)
			}
		})
	}
	clients.Wait()
	const limit = 64 << 20
	say := func(when string) {
		now, most := s.memory(b)
		figure(when, mib(now), fmt.Sprintf("greatest since the start %s; limit %s", mib(most), mib(limit)), now <= limit)
	}
	say(fmt.Sprintf("resident after %d hits", largeHits))
	if !testing.Short() {
		time.Sleep(settled)
		say("the same when the hits are written down")
	}
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// list times fromcache ls artifacts.
func list(b *testing.B, data string) {
	var took []float64
	for range choose(3, 1) {
		c := exec.CommandContext(b.Context(), *binary, "ls", "artifacts", "--data-dir", data)
		c.Stderr = os.Stderr
		begin := time.Now()
		out, err := c.Output()
		must(b, err)
		took = append(took, time.Since(begin).Seconds())
		if n := bytes.Count(out, []byte("\n")); n != largeTree+1 {
			b.Fatalf("fromcache ls artifacts printed %d lines, where %d and a head are right", n, largeTree)
		}
	}
	median := spreadOf(took).median
	figure("fromcache ls artifacts", fmt.Sprintf("%.3f s", median), "limit 3 s", median <= 3)
}
