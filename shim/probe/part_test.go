package probe

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
)

// TestPartByTool holds that both tools fetch a part as a plain socket does, and leave the rest of a
// large file alone.
func TestPartByTool(t *testing.T) {
	held := bytes.Repeat([]byte("0123456789abcdef\n"), 400_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Fromcache-Sha256", "aa")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(held))
	}))
	defer s.Close()
	caches, _ := plan.ParseCaches(s.URL)
	file := plan.URL{Scheme: "https", Host: "v.example", Path: "/a"}
	q := plan.Question{URL: file}
	for _, tool := range []call.Tool{call.Curl, call.Wget} {
		real, err := exec.LookPath(tool.String())
		if err != nil {
			t.Fatal(err)
		}
		p := &Prober{tool: tool, real: real, env: os.Environ(), connectTimeout: 15 * time.Second, timeout: 15 * time.Second}
		for _, from := range []int64{0, 1, 100_003, int64(len(held)) - sample, int64(len(held)) - 1} {
			to := min(from+sample, int64(len(held)))
			b, err := p.partByTool(q, caches[0], reply{Reply: plan.Reply{Pin: "aa"}}, from, to, time.Now().Add(15*time.Second))
			if err != nil || !bytes.Equal(b, held[from:to]) {
				t.Errorf("%v from %d: %d bytes, %v", tool, from, len(b), err)
			}
		}
		if b, err := p.partByTool(q, caches[0], reply{Reply: plan.Reply{Pin: "aa"}}, int64(len(held)), int64(len(held))+9, time.Now().Add(15*time.Second)); err == nil {
			t.Errorf("%v: %d bytes from beyond the end", tool, len(b))
		}
		if b, err := p.partByTool(q, caches[0], reply{}, 0, 9, time.Now().Add(15*time.Second)); err == nil {
			t.Errorf("%v: %d bytes of no certain version", tool, len(b))
		}
	}
}
