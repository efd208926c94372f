package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

const (
	largeTree = 100_000 // artifacts
	largeHits = 10_000
)

// large is what a cache-host of many years feels like.
func large(ctx context.Context, b *bench) error {
	data, err := b.largeTree(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\nlarge: %d artifacts\n", largeTree)
	s, err := b.firstAnswer(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.residentAfterHits(ctx, s); err != nil {
		return err
	}
	return b.list(ctx, data)
}

// largeTree makes the artifacts of a large cache-host, once.
func (b *bench) largeTree(ctx context.Context) (string, error) {
	data := filepath.Join(b.dir, "large")
	if b.hasLarge {
		return data, nil
	}
	err := manyArtifacts(ctx, data, largeTree)
	b.hasLarge = err == nil
	return data, err
}

// manyArtifacts writes the files of n artifacts of a few bytes each, in the documented format and without fsync.
func manyArtifacts(ctx context.Context, data string, n int) error {
	s, err := fsstore.Open(data, fsstore.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	const hands = 4
	var wait sync.WaitGroup
	errs := make([]error, hands)
	for hand := range hands {
		wait.Go(func() {
			for i := hand; i < n && errs[hand] == nil && ctx.Err() == nil; i += hands {
				errs[hand] = writeArtifact(data, smallArtifact(i), s.Rule())
			}
		})
	}
	wait.Wait()
	return errors.Join(append(errs, ctx.Err())...)
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
		os.WriteFile(filepath.Join(data, "meta", u.Key()+".json"), append(meta, '\n'), 0o660),
	)
}

// firstAnswer starts the server a few times, and leaves the last one running.
func (b *bench) firstAnswer(ctx context.Context, data string) (*server, error) {
	a := smallArtifact(largeTree / 2)
	var took []float64
	for n := choose(b, 5, 3); ; n-- {
		begin := time.Now()
		s, err := b.serve(ctx, data)
		if err != nil {
			return nil, err
		}
		err = s.asked(ask("GET", tokenPath(a.url), s.port, 200, a.size, a.digest))
		took = append(took, time.Since(begin).Seconds())
		if err != nil {
			s.stop()
			return nil, err
		}
		if n == 1 {
			most := spreadOf(took)
			b.figure(fmt.Sprintf("first answer after the start, %d starts", len(took)),
				fmt.Sprintf("%.3f s", most.median), fmt.Sprintf("at most %.3f; limit 0.3 s", most.greatest), most.median <= 0.3)
			return s, nil
		}
		s.stop()
	}
}

// asked checks one answer.
func (s *server) asked(r *request) error {
	c, err := dial(s.port, 1)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.verify(r)
	return err
}

// settled is how long the server takes to write down its hits, and some.
const settled = 11 * time.Second

func (b *bench) residentAfterHits(ctx context.Context, s *server) error {
	c, err := dial(s.port, connections)
	if err != nil {
		return err
	}
	defer c.close()
	requests := make([]*request, largeHits)
	for i := range requests {
		a := smallArtifact(i * (largeTree / largeHits))
		requests[i] = ask("GET", tokenPath(a.url), s.port, 200, a.size, a.digest)
	}
	if _, _, err := c.drive(ctx, once(requests)); err != nil {
		return err
	}
	const limit = 64 << 20
	now, most, err := s.memory()
	if err != nil {
		return err
	}
	b.figure(fmt.Sprintf("resident after %d hits", largeHits), mib(now),
		fmt.Sprintf("greatest since the start %s; limit %s", mib(most), mib(limit)), now <= limit)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(choose(b, settled, 0)):
	}
	if b.quick {
		return nil
	}
	if now, most, err = s.memory(); err != nil {
		return err
	}
	b.figure("the same when the hits are written down", mib(now),
		fmt.Sprintf("greatest since the start %s; limit %s", mib(most), mib(limit)), now <= limit)
	return nil
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// list times fromcache ls artifacts.
func (b *bench) list(ctx context.Context, data string) error {
	var took []float64
	for range choose(b, 3, 1) {
		var out bytes.Buffer
		c := exec.CommandContext(ctx, b.binary, "ls", "artifacts", "--data-dir", data)
		c.Stdout, c.Stderr = &out, os.Stderr
		begin := time.Now()
		if err := c.Run(); err != nil {
			return fmt.Errorf("fromcache ls artifacts: %w", err)
		}
		took = append(took, time.Since(begin).Seconds())
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != largeTree+1 {
			return fmt.Errorf("fromcache ls artifacts printed %d lines, where %d and a head are right", n, largeTree)
		}
	}
	median := spreadOf(took).median
	b.figure("fromcache ls artifacts", fmt.Sprintf("%.3f s", median), "limit 3 s", median <= 3)
	return nil
}
