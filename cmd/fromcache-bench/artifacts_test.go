package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

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
func dataDir(b *testing.B, n int, size int64) (string, []held) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "data")
	s, err := fsstore.Open(dir, fsstore.Options{})
	must(b, err)
	defer s.Close()
	artifacts := make([]held, n)
	for i := range artifacts {
		a := publish(b, s, originURL(i), size)
		artifacts[i] = held{originURL(i), a.SHA256, a.Size}
	}
	return dir, artifacts
}

func publish(b *testing.B, s *fsstore.Store, url string, size int64) *fsstore.Artifact {
	b.Helper()
	name, err := s.Add(fsstore.Addition{URL: url}, fsstore.Operator{Via: "cli", Addr: "bench"})
	must(b, err)
	claim, err := s.Claim(name)
	if claim == nil {
		b.Fatalf("%s can't be claimed: %v", name, err)
	}
	part, err := claim.Part(b.Context(), false)
	must(b, err)
	must(b, claim.Start(fsstore.Started{Size: size}))
	must(b, fill(part, size))
	a, err := claim.Publish(part, fsstore.Origin{
		FinalURL: url,
		Header:   map[string]string{"Content-Type": "application/octet-stream", "Last-Modified": "Tue, 03 Jun 2025 18:20:11 GMT"},
	})
	must(b, err)
	return a
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
