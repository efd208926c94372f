package httpd

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"fromcache/fsstore"
)

// retryAfter asks for what is not held, and returns what the answer says.
func (w *world) retryAfter(rawURL string) (seconds int, detail string) {
	w.t.Helper()
	resp, err := http.Head(w.url("/b/" + token(rawURL) + "/x"))
	w.must(err)
	if resp.StatusCode != http.StatusNotFound {
		w.t.Errorf("%s: %s", rawURL, resp.Status)
	}
	seconds, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	return seconds, resp.Header.Get("Cache-Status")
}

// A client is told to ask again when the download will be there, if that is known: half of it came
// within 20 s.
func TestRetryAfterIsTheTimeLeft(t *testing.T) {
	t.Parallel()
	const queued, active, long, noted = "https://vendor.example/queued", "https://vendor.example/active",
		"https://vendor.example/long", "https://vendor.example/noted"
	w := newWorld(t, Options{})
	_, err := w.store.Add(fsstore.Addition{URL: queued}, operator)
	w.must(err)
	for url, size := range map[string]int{active: 2000, long: 1_000_000} {
		c := w.claim(url)
		p, err := c.Part(t.Context(), false)
		w.must(err)
		_, err = p.Write(make([]byte, 1000))
		w.must(err)
		began := time.Now().Add(-20 * time.Second).UTC().Format(time.RFC3339)
		w.append("active/"+w.store.FindActiveByKey(c.Key), fmt.Sprintf("%s start %d - host 1\n", began, size))
	}
	for url, want := range map[string][2]int{noted: {0, 0}, queued: {2, 2}, active: {15, 22}, long: {60, 60}} {
		if got, detail := w.retryAfter(url); got < want[0] || got > want[1] {
			t.Errorf("%s: %d s, want %v (%s)", url, got, want, detail)
		}
	}
}
