package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fromcache/fsstore"
)

// download is one large file at an origin, the cache-host that fetches it, and the pipe of tools that does the same.
type download struct {
	dir, data string
	store     *fsstore.Store
	ours      *server
	origin    *server
	digest    string
	size      int64
	n         int // downloads so far: each has a URL of its own
}

// fetch compares a download through the queue with the shortest pipe that keeps the bytes, knows their digest and has them on
// the disk when it is done. Both pull from the same nginx.
func fetch(ctx context.Context, b *bench) error {
	if _, err := exec.LookPath("curl"); err != nil {
		return errors.New("curl is not installed, and the bench compares with it: apt-get install curl")
	}
	d := &download{dir: filepath.Join(b.dir, "fetch"), size: choose[int64](b, 1<<30, 256<<20)}
	if err := d.prepare(); err != nil {
		return err
	}
	var err error
	if d.origin, err = b.startNginx(ctx, d.dir); err != nil {
		return err
	}
	defer d.origin.stop()
	if d.ours, err = b.serve(ctx, d.data); err != nil {
		return err
	}
	defer d.ours.stop()
	pairs, err := alternate(ctx, choose(b, 7, 3), d.queue, d.pipe)
	if err != nil {
		return err
	}
	gib := float64(d.size) / (1 << 30)
	b.columns("fetch", "fromcache", "curl|tee|sum")
	b.compare("rate", pairs, func(v float64) string { return fmt.Sprintf("%.0f MiB/s", v*1024*gib) }, func(s sample) float64 { return s.rate },
		&target{hold: 0.8, aim: 0.9})
	b.compare("CPU/GiB", pairs, func(v float64) string { return fmt.Sprintf("%.2f s", v/gib) }, func(s sample) float64 { return s.cpu }, nil)
	return nil
}

const originFile = "model.bin"

// prepare makes the origin's file, on the disk and in the page cache, and the data directory.
func (d *download) prepare() error {
	d.data = filepath.Join(d.dir, "data")
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(d.dir, originFile))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if err := fill(io.MultiWriter(f, sum), d.size); err != nil {
		return err
	}
	d.digest = hex.EncodeToString(sum.Sum(nil))
	if err := f.Sync(); err != nil {
		return err
	}
	d.store, err = fsstore.Open(d.data, fsstore.Options{})
	return err
}

// url is the origin's file under a name that was never fetched.
func (d *download) url() string {
	d.n++
	return fmt.Sprintf("http://%s/origin/%d/%s", addr(d.origin.port), d.n, originFile)
}

// queue adds the URL as fromcache add does, and waits for the commit.
func (d *download) queue(ctx context.Context) (sample, error) {
	url := d.url()
	u, err := d.store.Parse(url)
	if err != nil {
		return sample{}, err
	}
	s, err := d.ours.timed(func() (int, time.Duration, error) {
		start := time.Now()
		if _, err := d.store.Add(fsstore.Addition{URL: url}, fsstore.By{Via: "cli", Addr: "bench"}); err != nil {
			return 0, 0, err
		}
		err := d.committed(ctx, u.Key())
		return 1, time.Since(start), err
	})
	if err != nil {
		return s, err
	}
	a, err := d.store.Artifact(u.Key())
	if err != nil {
		return s, err
	}
	if a.SHA256 != d.digest || a.Size != d.size {
		return s, fmt.Errorf("fetched %d bytes with digest %s, where %d and %s are right", a.Size, a.SHA256, d.size, d.digest)
	}
	// The blob goes too, or the next download would rename over it and pay for its removal.
	return s, errors.Join(d.store.Evict(u.Key(), fsstore.By{Via: "cli"}), os.Remove(filepath.Join(d.data, "blobs", d.digest)))
}

// committed waits for the meta file, looking every millisecond.
func (d *download) committed(ctx context.Context, k string) error {
	meta, failed := filepath.Join(d.data, "meta", k+".json"), filepath.Join(d.data, "failed", k+".job")
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Lstat(meta); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if log, err := os.ReadFile(failed); err == nil {
			return fmt.Errorf("the download failed:\n%s", log)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.New("the download was not done in two minutes")
}

// pipe is the same by curl, tee and sha256sum.
func (d *download) pipe(ctx context.Context) (sample, error) {
	file := filepath.Join(d.dir, "piped")
	defer os.Remove(file)
	c := exec.CommandContext(ctx, "sh", "-c", `curl -s "$1" | tee "$2" | sha256sum && sync "$2"`, "sh", d.url(), file)
	start := time.Now()
	out, err := c.Output()
	took := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("curl | tee | sha256sum: %w", err)
	}
	if !strings.HasPrefix(string(out), d.digest) {
		return sample{}, fmt.Errorf("curl got other bytes: %s", out)
	}
	cost := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return sample{rate: 1 / took.Seconds(), cpu: cost.Seconds()}, nil
}
