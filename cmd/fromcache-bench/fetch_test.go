package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

// download is one large file at an origin, the cache-host that fetches it, and the pipe of tools that does
// the same.
type download struct {
	dir, data string
	store     *fsstore.Store
	ours      *server
	origin    *server
	digest    string
	size      int64
	n         int // downloads so far: each has a URL of its own
}

// BenchmarkFetch compares a download through the queue with the shortest pipe that keeps the bytes, knows
// their digest and has them on the disk when it is done. Both pull from the same nginx.
func BenchmarkFetch(b *testing.B) {
	d := &download{dir: b.TempDir(), size: choose[int64](1<<30, 256<<20)}
	d.prepare(b)
	d.origin = startNginx(b, d.dir)
	d.ours = serve(b, d.data)
	pairs := alternate(choose(7, 3), func() sample { return d.queue(b) }, func() sample { return d.pipe(b) })
	gib := float64(d.size) / (1 << 30)
	columns("fetch", "fromcache", "curl|tee|sum")
	compare(b, "rate", pairs, func(v float64) string { return fmt.Sprintf("%.0f MiB/s", v*1024*gib) },
		func(s sample) float64 { return s.rate }, &target{hold: 0.8, aim: 0.9})
	compare(b, "CPU/GiB", pairs, func(v float64) string { return fmt.Sprintf("%.2f s", v/gib) }, func(s sample) float64 { return s.cpu }, nil)
}

const originFile = "model.bin"

// prepare makes the origin's file, on the disk and in the page cache, and the data directory.
func (d *download) prepare(b *testing.B) {
	f, err := os.Create(filepath.Join(d.dir, originFile))
	must(b, err)
	defer f.Close()
	sum := sha256.New()
	must(b, fill(io.MultiWriter(f, sum), d.size))
	must(b, f.Sync())
	d.digest = hex.EncodeToString(sum.Sum(nil))
	d.data = filepath.Join(d.dir, "data")
	d.store, err = fsstore.Open(d.data, fsstore.Options{})
	must(b, err)
}

// url is the origin's file under a name that was never fetched.
func (d *download) url() string {
	d.n++
	return fmt.Sprintf("http://%s/origin/%d/%s", d.origin.addr, d.n, originFile)
}

// queue adds the URL as fromcache add does, and waits for the commit.
func (d *download) queue(b *testing.B) sample {
	url := d.url()
	u, err := d.store.Parse(url)
	must(b, err)
	pids := d.ours.family(b)
	before, start := cpuTime(b, pids...), time.Now()
	_, err = d.store.Add(fsstore.Addition{URL: url}, fsstore.Operator{Via: "cli", Addr: "bench"})
	must(b, err)
	d.committed(b, u.Key())
	s := sample{rate: 1 / time.Since(start).Seconds(), cpu: (cpuTime(b, pids...) - before).Seconds()}
	a, err := d.store.Artifact(u.Key())
	must(b, err)
	if a.SHA256 != d.digest || a.Size != d.size {
		b.Fatalf("fetched %d bytes with digest %s, where %d and %s are right", a.Size, a.SHA256, d.size, d.digest)
	}
	must(b, d.store.Evict(u.Key(), fsstore.Operator{Via: "cli"}))
	must(b, os.Remove(filepath.Join(d.data, "blobs", d.digest))) // else the next would rename over it, and pay for its removal
	return s
}

// committed waits for the meta file, looking every millisecond.
func (d *download) committed(b *testing.B, k string) {
	meta, failed := filepath.Join(d.data, "meta", k+".json"), filepath.Join(d.data, "failed", k+".job")
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Lstat(meta); err == nil {
			return
		}
		if log, err := os.ReadFile(failed); err == nil {
			b.Fatalf("the download failed:\n%s", log)
		}
	}
	b.Fatal("the download was not done in two minutes")
}

// pipe is the same by curl, tee and sha256sum.
func (d *download) pipe(b *testing.B) sample {
	file := filepath.Join(d.dir, "piped")
	defer os.Remove(file)
	c := exec.CommandContext(b.Context(), "sh", "-c", `curl -s "$1" | tee "$2" | sha256sum && sync "$2"`, "sh", d.url(), file)
	start := time.Now()
	out, err := c.Output()
	took := time.Since(start)
	must(b, err)
	if !strings.HasPrefix(string(out), d.digest) {
		b.Fatalf("curl got other bytes: %s", out)
	}
	cost := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return sample{rate: 1 / took.Seconds(), cpu: cost.Seconds()}
}
