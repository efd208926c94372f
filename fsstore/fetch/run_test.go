package fetch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fromcache/fsstore"
)

// running runs the lab's pool until stop is called, which waits for it.
func (l *lab) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.p.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				l.t.Error(err)
			}
		})
	}
	l.t.Cleanup(stop)
	return stop
}

// until waits for a condition, at most half a minute.
func (l *lab) until(what string, ok func() bool) {
	l.t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("never: %s; log:\n%s", what, l.log)
}

func (l *lab) count(st fsstore.State) int {
	l.t.Helper()
	list, err := l.s.Jobs(st)
	if err != nil {
		l.t.Fatal(err)
	}
	return len(list)
}

// slow sends half of body and then waits until the test or the client ends it.
func slow(w *wire) {
	if w.from() > 0 {
		w.honest(body, `"a"`, -1)
		return
	}
	w.say("200 OK", []string{length, `ETag: "a"`}, body[:half])
	w.Read(make([]byte, 1))
}

func partSize(l *lab) int64 {
	list, _ := filepath.Glob(filepath.Join(l.dir, "tmp", "*.part"))
	for _, p := range list {
		if info, err := os.Stat(p); err == nil {
			return info.Size()
		}
	}
	return -1
}

func TestRunManyWorkers(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok([]byte("bytes of " + w.req.URL.Path)) })
	l := newLab(t, Options{Workers: 4})
	l.running()
	const n = 40
	for i := range n {
		l.add(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)})
	}
	l.until("all are done", func() bool { return l.count(fsstore.Done) == n })
	for i := range n {
		if got := string(l.held(fmt.Sprintf("%s/%d.run", o.url, i))); got != fmt.Sprintf("bytes of /%d.run", i) {
			t.Errorf("%d: %q", i, got)
		}
	}
	if len(o.requests()) != n {
		t.Errorf("%d requests", len(o.requests()))
	}
}

// Two pools on one directory fetch each job once.
func TestRunTwoPools(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{})
	l.running()
	second := *l
	second.p = l.pool(Options{})
	second.running()
	const n = 30
	for i := range n {
		l.add(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)})
	}
	l.until("all are done", func() bool { return l.count(fsstore.Done) == n })
	if len(o.requests()) != n {
		t.Errorf("%d requests for %d jobs", len(o.requests()), n)
	}
}

// When the server stops, the download goes back into the queue with its part, and the next one goes on there.
func TestRunStops(t *testing.T) {
	o := newLying(t, slow)
	l := newLab(t, Options{})
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	stop := l.running()
	l.until("half is there", func() bool { return partSize(l) == half })
	stop()
	if st, reason := l.state(k); st != fsstore.Queue {
		t.Fatalf("%s: %s", st, reason)
	}
	if partSize(l) != half {
		t.Fatalf("the part has %d bytes", partSize(l))
	}
	l.drive()
	if st, reason := l.state(k); st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), body) {
		t.Errorf("%s: %s", st, reason)
	}
	if seen := o.requests(); len(seen) != 2 || seen[1].Header.Get("Range") != "bytes=150000-" {
		t.Errorf("%d requests", len(seen))
	}
}

// A part of many gigabytes is no reason to stop late: it is hashed when the next server begins.
func TestRunStopsWhileAPartIsRead(t *testing.T) {
	o := newLying(t, slow)
	l := newLab(t, Options{})
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	stop := l.running()
	l.until("half is there", func() bool { return partSize(l) == half })
	stop()
	list, _ := filepath.Glob(filepath.Join(l.dir, "tmp", "*.part"))
	if err := os.Truncate(list[0], 32<<30); err != nil {
		t.Fatal(err)
	}
	queued := filepath.Join(l.dir, "queue", k+".job")
	log, err := os.ReadFile(queued)
	if err == nil { // else what nobody wrote is cut off
		err = os.WriteFile(queued, append(log, "2026-11-22T21:31:00Z kept 34359738368\n"...), 0o660)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop = l.running()
	l.until("it is read", func() bool { return l.count(fsstore.Active) == 1 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 10*time.Second { // no processor hashes it in that
		t.Errorf("it took %v", took)
	}
	if st, reason := l.state(k); st != fsstore.Queue || partSize(l) != 32<<30 {
		t.Errorf("%s: %s; a part of %d bytes", st, reason, partSize(l))
	}
	if n := len(o.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A pool that stops while it waits for a header, or for a worker, leaves nothing behind.
func TestRunStopsEarly(t *testing.T) {
	o := newLying(t, func(w *wire) { w.Read(make([]byte, 1)) })
	l := newLab(t, Options{Workers: 1})
	for i := range 3 {
		l.add(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)})
	}
	stop := l.running()
	l.until("it asks", func() bool { return len(o.requests()) == 1 })
	stop()
	if n := l.count(fsstore.Queue); n != 3 || l.parts() > 0 {
		t.Errorf("%d in queue/, %d parts", n, l.parts())
	}
	l.fsck()
}

// What an operator does to a job in active/ ends its download.
func TestRunCancel(t *testing.T) {
	active := func(l *lab) string {
		list, _ := filepath.Glob(filepath.Join(l.dir, "active", "*.job"))
		return list[0]
	}
	for name, do := range map[string]func(l *lab, k string) error{
		"verb": func(l *lab, k string) error { return l.s.Cancel(k, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}) },
		"rm":   func(l *lab, k string) error { return os.Remove(active(l)) },
		"mv":   func(l *lab, k string) error { return os.Rename(active(l), filepath.Join(l.dir, "cancelled", "x.job")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, slow)
			l := newLab(t, Options{})
			k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
			l.running()
			l.until("half is there", func() bool { return partSize(l) == half })
			if err := do(l, k); err != nil {
				t.Fatal(err)
			}
			l.until("it is cancelled", func() bool {
				_, err := os.Stat(filepath.Join(l.dir, "cancelled", k+".job"))
				return err == nil && l.count(fsstore.Active) == 0
			})
			if l.held(o.url+"/f.run") != nil {
				t.Error("it was published all the same")
			}
			if err := l.s.Retry(k, fsstore.Operator{Via: "cli"}); err != nil {
				t.Fatal(err)
			}
			l.until("the retry is done", func() bool { return l.held(o.url+"/f.run") != nil })
		})
	}
}

// A worker that waits or reads, and writes nothing, shows other hosts that it lives.
func TestRunShowsLife(t *testing.T) {
	o := newLying(t, slow)
	l := newLab(t, Options{})
	l.p.heartbeat = 20 * time.Millisecond
	l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.running()
	l.until("half is there", func() bool { return partSize(l) == half })
	changed := func() time.Time {
		list, _ := filepath.Glob(filepath.Join(l.dir, "active", "*.job"))
		info, err := os.Stat(list[0])
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before := changed()
	l.until("it shows life", func() bool { return changed().After(before) })
}

// Moved back into the queue by hand, an active job is fetched again.
func TestRunMovedBack(t *testing.T) {
	o := newLying(t, slow)
	l := newLab(t, Options{})
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.running()
	l.until("half is there", func() bool { return partSize(l) == half })
	list, _ := filepath.Glob(filepath.Join(l.dir, "active", "*.job"))
	if err := os.Rename(list[0], filepath.Join(l.dir, "queue", k+".job")); err != nil {
		t.Fatal(err)
	}
	l.until("it is done", func() bool { return bytes.Equal(l.held(o.url+"/f.run"), body) })
}

// A URL that a person echoes into the queue is fetched once it has stood still, and so is a batch.
func TestRunEcho(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{})
	l.running()
	one := o.url + "/1.run\n"
	if err := os.WriteFile(filepath.Join(l.dir, "queue", "one.job"), []byte(one), 0o644); err != nil {
		t.Fatal(err)
	}
	two := o.url + "/2.run\nsha256 " + fmt.Sprintf("%x", sum256(other)) + "\n" + o.url + "/3.run\n"
	if err := os.WriteFile(filepath.Join(l.dir, "queue", "two.job"), []byte(two), 0o644); err != nil {
		t.Fatal(err)
	}
	l.until("all have ended", func() bool {
		return l.held(o.url+"/1.run") != nil && l.held(o.url+"/3.run") != nil && l.count(fsstore.Failed) == 1
	})
}

func TestNoSpace(t *testing.T) {
	o := newLying(t, func(w *wire) {
		if w.req.URL.Path == "/chunks.run" {
			chunks(w, true)
			return
		}
		w.ok(body, `ETag: "a"`)
	})
	free, _, err := func() (int64, int64, error) { l := newLab(t, Options{}); return l.s.Free() }()
	if err != nil {
		t.Fatal(err)
	}
	l := newLabWith(t, Options{Backoff: time.Hour, MaxBackoff: time.Hour}, fsstore.Options{MinFree: free * 2})
	st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
	if st != fsstore.Queue || !strings.Contains(reason, "not enough free space") || !strings.Contains(reason, "--min-free") {
		t.Errorf("%s: %s", st, reason)
	}
	list, _ := l.s.Jobs(fsstore.Queue)
	if len(list) != 1 || list[0].Job.Attempts() != 0 {
		t.Error("waiting for space counts as an attempt")
	}
	st, reason = l.fetch(fsstore.Addition{URL: o.url + "/chunks.run"})
	if st != fsstore.Queue || !strings.Contains(reason, "how long the file is") {
		t.Errorf("%s: %s", st, reason)
	}
	if l.parts() > 0 {
		t.Error("a part is left")
	}
}

// While the disk refuses, nothing is claimed over and over; when it is well again the queue goes on.
func TestPause(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{Interval: 50 * time.Millisecond})
	queue := filepath.Join(l.dir, "queue")
	if err := os.Rename(queue, queue+"-away"); err != nil {
		t.Fatal(err)
	}
	l.running()
	l.until("it complains", func() bool { return l.p.isPaused() })
	if err := os.Rename(queue+"-away", queue); err != nil {
		t.Fatal(err)
	}
	l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.until("it goes on", func() bool { return l.held(o.url+"/f.run") != nil })
}

// A data directory that is away for a moment cancels no download.
func TestRunWhileTheDirectoryIsAway(t *testing.T) {
	back := make(chan bool)
	o := newLying(t, func(w *wire) {
		w.say("200 OK", []string{length, `ETag: "a"`}, body[:half])
		<-back
		w.Write(body[half:])
	})
	l := newLab(t, Options{})
	l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.running()
	l.until("half is there", func() bool { return partSize(l) == half })
	if err := os.Rename(l.dir, l.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * l.p.poll)
	if err := os.Rename(l.dir+"-away", l.dir); err != nil {
		t.Fatal(err)
	}
	close(back)
	l.until("it is done", func() bool { return l.count(fsstore.Done)+l.count(fsstore.Cancelled) > 0 })
	if !bytes.Equal(l.held(o.url+"/f.run"), body) || len(o.requests()) != 1 {
		t.Errorf("%d requests, log:\n%s", len(o.requests()), l.log)
	}
}

// Without blobs/ nothing that is fetched could be held: nothing is begun.
func TestRunWithoutBlobs(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{})
	blobs := filepath.Join(l.dir, "blobs")
	if err := os.Rename(blobs, l.dir+"-blobs"); err != nil {
		t.Fatal(err)
	}
	l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.running()
	time.Sleep(10 * l.p.o.Interval)
	if n := len(o.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if err := os.Rename(l.dir+"-blobs", blobs); err != nil {
		t.Fatal(err)
	}
	l.until("it goes on", func() bool { return l.held(o.url+"/f.run") != nil })
}

// Run returns when all that it began has ended.
func TestRunLeavesNoGoroutine(t *testing.T) {
	o := newLying(t, slow)
	l := newLab(t, Options{Workers: 3})
	for i := range 3 {
		l.add(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)})
	}
	stop := l.running()
	l.until("three are under way", func() bool { return l.count(fsstore.Active) == 3 && len(o.requests()) == 3 })
	stop()
	buf := make([]byte, 1<<20)
	for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, own := range []string{"fetch.(*ring)", "fetch.(*attempt)", "fetch.(*Pool)"} {
			if strings.Contains(s, own) {
				t.Errorf("left:\n%s", s)
			}
		}
	}
}

// One file that can't be claimed is told of once, and holds up nothing.
func TestUnclaimed(t *testing.T) {
	l := newLab(t, Options{})
	for range 3 {
		l.p.claimFailed("a.job", &os.PathError{Op: "rename", Path: "a.job", Err: os.ErrPermission})
	}
	if l.p.isPaused() || strings.Count(l.log.String(), "can't be claimed") != 1 {
		t.Errorf("paused %v, log:\n%s", l.p.isPaused(), l.log)
	}
	l.p.claimFailed("b.job", &os.PathError{Op: "rename", Path: "b.job", Err: syscall.EIO})
	if !l.p.isPaused() {
		t.Error("a broken disk is tried on")
	}
}
