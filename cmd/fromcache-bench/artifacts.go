package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"

	"fromcache/fsstore"
)

// held is an artifact that we made.
type held struct {
	url    string
	digest string
	size   int64
}

// originURL has the shape and length of what labs ask for.
func originURL(n int) string {
	return fmt.Sprintf("https://developer.download.nvidia.example/compute/cuda/12.9.1/local_installers/cuda_12.9.1_575.57.%02d_linux.run", n)
}

// dataDir makes a data directory with n artifacts of one size, published as a download is.
func (b *bench) dataDir(name string, n int, size int64) (string, []held, error) {
	dir := filepath.Join(b.dir, name)
	s, err := fsstore.Open(dir, fsstore.Options{})
	if err != nil {
		return "", nil, err
	}
	defer s.Close()
	artifacts := make([]held, n)
	for i := range artifacts {
		a, err := publish(s, originURL(i), size)
		if err != nil {
			return "", nil, err
		}
		artifacts[i] = held{originURL(i), a.SHA256, a.Size}
	}
	return dir, artifacts, nil
}

func publish(s *fsstore.Store, url string, size int64) (*fsstore.Artifact, error) {
	name, err := s.Add(fsstore.Addition{URL: url}, fsstore.By{Via: "cli", Addr: "bench"})
	if err != nil {
		return nil, err
	}
	claim, err := s.Claim(name)
	if claim == nil {
		return nil, fmt.Errorf("%s can't be claimed: %w", name, err)
	}
	part, err := claim.Part(context.Background(), false)
	if err != nil {
		return nil, err
	}
	if err := claim.Start(fsstore.Started{Size: size}); err != nil {
		return nil, err
	}
	if err := fill(part, size); err != nil {
		return nil, err
	}
	return claim.Publish(part, fsstore.Origin{
		FinalURL: url,
		Header:   map[string]string{"Content-Type": "application/octet-stream", "Last-Modified": "Tue, 03 Jun 2025 18:20:11 GMT"},
	})
}

// fill writes bytes that no compression shortens.
func fill(w io.Writer, size int64) error {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	buf := make([]byte, 1<<20)
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(rand.NewChaCha8(seed), size), buf)
	return err
}
