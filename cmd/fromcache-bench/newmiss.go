package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// newMissFloor is how many new misses a second must be noted.
const newMissFloor = 2000

// newMiss asks for what was never asked for. What it is compared with is the least that noting takes: a file written under one
// name and renamed to another, by one thread with nothing else to do. So the ratio says how much more than that a note is,
// whatever the disk.
func newMiss(ctx context.Context, b *bench) error {
	data, _, err := b.dataDir("newmiss", 1, 1)
	if err != nil {
		return err
	}
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	c, err := dial(s.port, connections)
	if err != nil {
		return err
	}
	defer c.close()
	n, asked := choose(b, 10_000, 4_000), 0
	ours := func(ctx context.Context) (sample, error) {
		requests := newMisses(s.port, asked, n)
		asked += n
		return s.timed(func() (int, time.Duration, error) { return c.drive(ctx, once(requests)) })
	}
	plain, made := filepath.Join(b.dir, "plain"), 0
	theirs := func(context.Context) (sample, error) {
		made += n
		return plainFiles(plain, made-n, made)
	}
	pairs, err := alternate(ctx, choose(b, 7, 3), ours, theirs)
	if err != nil {
		return err
	}
	if err := holdsMisses(data, asked); err != nil {
		return err
	}
	b.columns("newmiss", "fromcache", "write+rename")
	b.compare("rate", pairs, perSecond, func(s sample) float64 { return s.rate }, nil)
	b.compare("CPU each", pairs, micros, func(s sample) float64 { return s.cpu }, nil)
	got := each(pairs, func(p pair) float64 { return p.ours.rate }).median
	b.figure("new misses noted", fmt.Sprintf("%.0f/s", got), fmt.Sprintf("hold %d/s", newMissFloor), got >= newMissFloor)
	return nil
}

func newMisses(port, from, n int) []*request {
	requests := make([]*request, n)
	for i := range requests {
		requests[i] = ask("HEAD", tokenPath(originURL(1000+from+i)), port, 404, -1, "")
	}
	return requests
}

func once(requests []*request) func() *request {
	return func() *request {
		if len(requests) == 0 {
			return nil
		}
		r := requests[0]
		requests = requests[1:]
		return r
	}
}

// plainFiles makes small files, from one number to another, and renames each. They stay, as the misses do: a directory that
// grows is a part of the comparison, and removing them would make the disk busy.
func plainFiles(dir string, from, to int) (sample, error) {
	for _, d := range []string{"tmp", "misses"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return sample{}, err
		}
	}
	me := os.Getpid()
	start := time.Now()
	before, err := cpuTime(me)
	if err != nil {
		return sample{}, err
	}
	line := "\n2026-01-01T00:00:00Z miss 127.0.1.1 curl/7.88.1\n"
	for i := from; i < to; i++ {
		url := originURL(1000 + i)
		tmp := filepath.Join(dir, "tmp", fmt.Sprintf(".new-%016x", i))
		if err := os.WriteFile(tmp, []byte(url+line), 0o660); err != nil {
			return sample{}, err
		}
		if err := os.Rename(tmp, filepath.Join(dir, "misses", fmt.Sprintf("%s--%016x", filepath.Base(url), i))); err != nil {
			return sample{}, err
		}
	}
	took := time.Since(start)
	after, err := cpuTime(me)
	n := float64(to - from)
	return sample{rate: n / took.Seconds(), cpu: (after - before).Seconds() / n}, err
}

// holdsMisses checks that every miss has its file.
func holdsMisses(data string, n int) error {
	d, err := os.Open(filepath.Join(data, "misses"))
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err == nil && len(names) != n {
		err = fmt.Errorf("%d misses are noted where %d were made", len(names), n)
	}
	return err
}
