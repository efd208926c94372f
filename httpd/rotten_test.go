package httpd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// spoil flips a bit of a blob.
func (w *world) spoil(a *fsstore.Artifact) {
	w.t.Helper()
	path := filepath.Join(w.dir, "blobs", a.SHA256)
	b, err := os.ReadFile(path)
	w.must(err)
	b[0] ^= 1
	w.must(os.Chmod(path, 0o644))
	w.must(os.WriteFile(path, b, 0o644))
}

// scrub reads each blob once.
func (w *world) scrub() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.store.Scrub(ctx, fsstore.ScrubOptions{Rate: 1 << 40, Round: func(fsstore.FsckReport) { cancel() }})
}

// says wants or does not want words on a page.
func (w *world) says(page, words string, want bool) {
	w.t.Helper()
	if _, body := w.browser().get(page); strings.Contains(body, words) != want {
		w.t.Errorf("%s says %q: %v", page, words, !want)
	}
}

// TestRottenBlobThatNothingNeeds: it is told with the place where it lies, and no more once it is removed.
func TestRottenBlobThatNothingNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	a := w.hold("https://vendor.example/a.bin", []byte("bytes"), noOrigin)
	w.spoil(a)
	w.must(os.Remove(filepath.Join(w.dir, "meta", a.Key+".json")))
	w.scrub()
	kept := "tmp/" + a.SHA256 + ".rotten"
	w.says("/artifacts", kept, true)
	w.says("/healthz", "1 artifacts or blobs are rotten", true)
	w.must(os.Remove(filepath.Join(w.dir, kept)))
	w.says("/artifacts", kept, false)
	w.says("/healthz", "rotten", false)
}

// TestLostBlob: after a restart the pages and /healthz know that an artifact is not held, and offer no address of it.
func TestLostBlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	a := w.putIn("https://vendor.example/a.bin", "bytes")
	w.hold("https://vendor.example/b.bin", []byte("other bytes"), noOrigin)
	w.says("/artifacts/"+a.Key, "<dt>In the cache", true)
	w.says("/artifacts", "not in the cache", false)
	w.must(os.Remove(filepath.Join(w.dir, "blobs", a.SHA256)))
	w.says("/artifacts/"+a.Key, "<dt>In the cache", false)
	w.says("/artifacts/"+a.Key, "carry it in again", true)
	w.says("/artifacts", "not in the cache", true)
	w.scrub()
	w.says("/healthz", "1 artifacts or blobs are rotten, missing", true)
	w.says("/artifacts", a.SHA256+" is missing", true)
	w.says("/", "1 artifact or blob is rotten, missing", true)
	w.hold("https://vendor.example/a.bin", []byte("bytes"), noOrigin)
	w.says("/healthz", "missing", false)
	w.says("/", "rotten, missing", false)
}
