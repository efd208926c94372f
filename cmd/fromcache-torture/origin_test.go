package torture

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// origin serves bytes that follow from the path alone: /<bytes>/<name>. A path
// that begins with /slow/ comes in drips; one that begins with /new/ has changed
// since a harness put its bytes into a cache by hand.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
	again map[string]int // of asked, those that had a copy and asked whether it is still good
	sum   atomic.Int64   // of asked
}

func newOrigin() *origin {
	o := &origin{asked: map[string]int{}, again: map[string]int{}}
	o.Server = httptest.NewServer(o)
	return o
}

// body is what a path holds in one version.
func body(path string, version int) []byte {
	n := 0
	for _, word := range strings.Split(path, "/") {
		if v, err := strconv.Atoi(word); err == nil {
			n = v
			break
		}
	}
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(fmt.Sprint(path, " ", version)))).Read(b)
	return b
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.asked[r.URL.Path]++
	if r.Header.Get("If-None-Match") != "" {
		o.again[r.URL.Path]++
	}
	o.sum.Add(1)
	o.mu.Unlock()
	version := 0
	if strings.HasPrefix(r.URL.Path, "/new/") {
		version = 1
	}
	b := body(r.URL.Path, version)
	if len(b) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Etag", etag(b))
	w.Header().Set("Content-Type", "application/octet-stream")
	if strings.HasPrefix(r.URL.Path, "/slow/") {
		w = &drip{w}
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(b)))
}

func etag(b []byte) string { return `"` + digest(b)[:16] + `"` }

// drip sends 16 KiB each 20 ms.
type drip struct{ http.ResponseWriter }

func (d *drip) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		m := min(16<<10, len(b))
		m, err = d.ResponseWriter.Write(b[:m])
		http.NewResponseController(d.ResponseWriter).Flush()
		n += m
		b = b[m:]
		time.Sleep(20 * time.Millisecond)
	}
	return n, err
}
