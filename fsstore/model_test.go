package fsstore_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// The store against a model that fits on a page: for each of a few URLs, where
// its jobs are and what is held. Every step is a call or a shell command, in any
// order; after each the tree must be what the model says, and sound.

// state of one URL as the model has it.
type modelURL struct {
	url     string
	where   map[fsstore.State]int // files of its key in each directory
	claim   *fsstore.Claim        // of its job in active/, while its worker lives
	held    string                // digest, or ""
	denied  bool
	evicted bool // since the claim
	commits int
}

type model struct {
	s    *fsstore.Store
	urls []*modelURL
}

func newModel(t *rapid.T) *model {
	dir, err := os.MkdirTemp("", "model-")
	if err != nil {
		t.Fatal(err)
	}
	s, err := fsstore.Open(dir+"/data", fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &model{s: s}
	for i := range 3 {
		m.urls = append(m.urls, &modelURL{url: fmt.Sprintf("https://example.com/file-%d.run", i), where: map[fsstore.State]int{}})
	}
	return m
}

func (m *model) close() { os.RemoveAll(strings.TrimSuffix(m.s.Dir(), "/data")) }

func (m *model) pick(t *rapid.T) *modelURL { return rapid.SampledFrom(m.urls).Draw(t, "url") }

func (u *modelURL) key() string { return storetest.MustKey(u.url) }

// file is that of the claim.
func (u *modelURL) file(m *model) string {
	return storetest.JobPath(m.s, fsstore.Active, tree.ActiveJobName(u.key(), u.claim.Worker))
}

func (u *modelURL) move(from, to fsstore.State) {
	if from != "" {
		u.where[from]--
	}
	if to != "" {
		u.where[to]++
	}
}

// ask is a client's GET.
func (m *model) ask(t *rapid.T) {
	u := m.pick(t)
	if a, err := m.s.Lookup(u.url); (err == nil) != (u.held != "") || err == nil && a.SHA256 != u.held {
		t.Fatalf("lookup: %v, %v; the model holds %.8s", a, err, u.held)
	}
	if u.held != "" {
		return
	}
	v, err := m.s.NoteMiss(u.url, fsstore.Asker{Addr: "10.0.0.7", UserAgent: "curl/8"})
	if err != nil {
		t.Fatal(err)
	}
	want := fsstore.VerdictNoted
	switch {
	case u.where[fsstore.Misses] > 0:
	case u.denied:
		want = fsstore.VerdictDenied
	case m.s.FindQueued(m.s.IDOf(storetest.MustURL(u.url))) != "":
		want = fsstore.VerdictQueued
	case u.where[fsstore.Active] > 0:
		want = fsstore.VerdictActive
	case u.where[fsstore.Queue] > 0: // as k.3.job alone: looking for all numbers would be a listing
		want = v
		u.where[fsstore.Misses] = m.count(fsstore.Misses, u)
	default:
		u.move("", fsstore.Misses)
	}
	if v != want {
		t.Fatalf("miss: %s, want %s", v, want)
	}
}

// did compares a verb's answer with whether the model had something to move.
func did(t *rapid.T, err error, had bool) bool {
	if had && err != nil || !had && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error %v; the model had one: %v", err, had)
	}
	return had
}

func (m *model) approve(t *rapid.T) {
	u := m.pick(t)
	if did(t, m.s.Approve(u.key(), "", fsstore.Operator{Via: "cli", Addr: "x"}), u.where[fsstore.Misses] > 0) {
		u.move(fsstore.Misses, fsstore.Queue)
	}
}

func (m *model) mv(t *rapid.T) {
	u := m.pick(t)
	if u.where[fsstore.Misses] > 0 && u.where[fsstore.Queue] == 0 {
		if err := os.Rename(storetest.JobPath(m.s, fsstore.Misses, u.key()), storetest.JobPath(m.s, fsstore.Queue, u.key())); err != nil {
			t.Fatal(err)
		}
		u.move(fsstore.Misses, fsstore.Queue)
	}
}

func (m *model) add(t *rapid.T) {
	u := m.pick(t)
	_, err := m.s.Add(fsstore.Addition{URL: u.url}, fsstore.Operator{Via: "cli", Addr: "x"})
	switch {
	case u.denied:
		if !errors.Is(err, fsstore.ErrDenied) {
			t.Fatalf("add of what is denied: %v", err)
		}
	case err != nil:
		t.Fatal(err)
	case u.where[fsstore.Misses] > 0:
		u.move(fsstore.Misses, fsstore.Queue)
	case u.where[fsstore.Active] == 0 && !tree.Exists(storetest.JobPath(m.s, fsstore.Queue, u.key()+".job")) && !tree.Exists(storetest.JobPath(m.s, fsstore.Queue, u.key())):
		t.Fatal("added, and not queued")
	case u.where[fsstore.Active] == 0 && m.count(fsstore.Queue, u) > u.where[fsstore.Queue]:
		u.move("", fsstore.Queue)
	}
}

func (m *model) claim(t *rapid.T) {
	due, err := m.s.Due()
	if err != nil {
		t.Fatal(err)
	}
	if len(due) == 0 {
		return
	}
	name := rapid.SampledFrom(due).Draw(t, "name")
	u := m.byName(name)
	before, err := m.s.JobFile(fsstore.Queue, name)
	if err != nil {
		t.Fatal(err)
	}
	late := m.s.CheckOvertaken(&before.Job, storetest.MustURL(u.url)) != nil
	c, err := m.s.Claim(name)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case u.denied:
		if c != nil {
			t.Fatal("claimed what is denied")
		}
		u.move(fsstore.Queue, fsstore.Failed)
	case u.where[fsstore.Active] > 0:
		if c != nil {
			t.Fatal("two claims of one key")
		}
	case late:
		if c != nil {
			t.Fatal("claimed what was evicted or replaced since its first claim")
		}
		u.move(fsstore.Queue, fsstore.Failed)
	case c == nil:
		t.Fatal("a job that is due can't be claimed")
	default:
		u.move(fsstore.Queue, fsstore.Active)
		u.claim, u.evicted = c, false
	}
}

func (m *model) byName(name string) *modelURL {
	for _, u := range m.urls {
		if strings.HasPrefix(name, u.key()) {
			return u
		}
	}
	return nil
}

// working picks a URL with a living claim.
func (m *model) working(t *rapid.T) *modelURL {
	u := m.pick(t)
	if u.claim == nil {
		return nil
	}
	return u
}

func (m *model) publish(t *rapid.T) {
	u := m.working(t)
	if u == nil {
		return
	}
	p, err := u.claim.Part(t.Context(), rapid.Bool().Draw(t, "resume"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	u.commits++
	body := fmt.Sprintf("%s version %d", u.url, u.commits%3)
	p.Write([]byte(body))
	a, err := u.claim.Publish(p, fsstore.Origin{})
	if u.evicted {
		if _, ok := errors.AsType[*fsstore.OvertakenError](err); !ok {
			t.Fatalf("published what was evicted since: %+v, %v", a, err)
		}
		if err := u.claim.Fail(err.Error()); err != nil {
			t.Fatal(err)
		}
		u.claim = nil
		u.move(fsstore.Active, fsstore.Failed)
		return
	}
	if err != nil || a.SHA256 != storetest.DigestOf(body) {
		t.Fatalf("%+v, %v", a, err)
	}
	u.held, u.claim = a.SHA256, nil
	u.move(fsstore.Active, fsstore.Done)
	u.where[fsstore.Misses] = 0
}

func (m *model) giveUp(t *rapid.T) {
	u := m.working(t)
	if u == nil {
		return
	}
	if rapid.Bool().Draw(t, "part") {
		if p, err := u.claim.Part(t.Context(), true); err == nil {
			p.Write([]byte("some"))
		}
	}
	to := fsstore.Queue
	var err error
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		err = u.claim.Requeue("stopped")
	case 1:
		err = u.claim.Retry("503", tree.Now())
	case 2:
		to, err = fsstore.Failed, u.claim.Fail("404")
	}
	if err != nil {
		t.Fatal(err)
	}
	u.claim = nil
	u.move(fsstore.Active, to)
}

// die is a crash of the worker: its locks go, its files stay.
func (m *model) die(t *rapid.T) {
	if u := m.working(t); u != nil {
		if err := storetest.Unclaim(u.file(m)); err != nil {
			t.Fatal(err)
		}
		u.claim = nil
		if err := m.s.Recover(); err != nil {
			t.Fatal(err)
		}
		u.move(fsstore.Active, fsstore.Queue)
	}
}

func (m *model) cancel(t *rapid.T) {
	u := m.pick(t)
	queued := tree.Exists(storetest.JobPath(m.s, fsstore.Queue, u.key()+".job")) || tree.Exists(storetest.JobPath(m.s, fsstore.Queue, u.key()))
	if !did(t, m.s.Cancel(u.key(), fsstore.Operator{Via: "cli", Addr: "x"}), queued || u.where[fsstore.Active] > 0) {
		return
	}
	if queued {
		u.move(fsstore.Queue, fsstore.Cancelled)
		return
	}
	if err := u.claim.Cancel(); err != nil {
		t.Fatal(err)
	}
	u.claim = nil
	u.move(fsstore.Active, fsstore.Cancelled)
}

// yank is `rm active/*` under a worker's hands.
func (m *model) yank(t *rapid.T) {
	u := m.working(t)
	if u == nil {
		return
	}
	if err := os.Remove(u.file(m)); err != nil {
		t.Fatal(err)
	}
	p, err := u.claim.Part(t.Context(), false)
	if err == nil {
		_, err = u.claim.Publish(p, fsstore.Origin{})
	}
	if !errors.Is(err, fsstore.ErrLost) {
		t.Fatalf("published what was cancelled: %v", err)
	}
	if err := u.claim.Cancel(); err != nil {
		t.Fatal(err)
	}
	u.claim = nil
	u.move(fsstore.Active, fsstore.Cancelled)
}

func (m *model) retry(t *rapid.T) {
	u := m.pick(t)
	for _, st := range []fsstore.State{fsstore.Failed, fsstore.Cancelled, fsstore.Done} {
		if tree.Exists(storetest.JobPath(m.s, st, u.key()+".job")) {
			if err := m.s.RetryAs(st, u.key(), "", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
				t.Fatal(err)
			}
			u.move(st, fsstore.Queue)
			return
		}
	}
	if !did(t, m.s.Retry(u.key(), fsstore.Operator{Via: "cli", Addr: "x"}), u.where[fsstore.Failed]+u.where[fsstore.Cancelled]+u.where[fsstore.Done] > 0) {
		return
	}
	for _, st := range []fsstore.State{fsstore.Failed, fsstore.Cancelled, fsstore.Done} { // those that are left have a number
		if m.count(st, u) < u.where[st] {
			u.move(st, fsstore.Queue)
		}
	}
}

func (m *model) evict(t *rapid.T) {
	u := m.pick(t)
	told := tree.Exists(storetest.JobPath(m.s, fsstore.Done, u.key()+".job"))
	if did(t, m.s.Evict(u.key(), fsstore.Operator{Via: "cli", Addr: "x"}), u.held != "") {
		u.held, u.evicted = "", true
		if !told { // that it was evicted stands there
			u.where[fsstore.Done]++
		}
		u.where[fsstore.Cancelled] += u.where[fsstore.Queue]
		u.where[fsstore.Queue] = 0
	}
}

func (m *model) gc(t *rapid.T) {
	if _, err := m.s.GC(fsstore.GCOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (m *model) deny(t *rapid.T) {
	u := m.pick(t)
	if u.where[fsstore.Misses] == 0 || u.denied {
		return
	}
	if err := m.s.Deny(u.key(), fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	u.move(fsstore.Misses, "")
	u.denied = true
}

func (m *model) allow(t *rapid.T) {
	if u := m.pick(t); u.denied {
		if err := os.Remove(storetest.JobPath(m.s, fsstore.Denied, u.key())); err != nil {
			t.Fatal(err)
		}
		u.denied = false
	}
}

// again is another server on the directory, beside the workers of the first: nothing that
// counts is in memory.
func (m *model) again(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := fsstore.Open(m.s.Dir(), fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
}

// count is how many files of a key are in a directory.
func (m *model) count(st fsstore.State, u *modelURL) int {
	all, _ := storetest.Names(m.s, string(st))
	return len(slices.DeleteFunc(all, func(n string) bool {
		return !strings.HasPrefix(n, u.key()) || strings.HasSuffix(n, ".why")
	}))
}

// check compares the tree with the model.
func (m *model) check(t *rapid.T) {
	for _, u := range m.urls {
		for _, st := range []fsstore.State{fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled} {
			if n := m.count(st, u); n != u.where[st] {
				t.Fatalf("%s/ holds %d files of %s, the model %d", st, n, u.key(), u.where[st])
			}
		}
		if a, err := m.s.Lookup(u.url); (err == nil) != (u.held != "") || err == nil && a.SHA256 != u.held {
			t.Fatalf("lookup: %v; the model holds %.8q", err, u.held)
		}
		if u.claim != nil && !u.claim.Owns() {
			t.Fatal("a claim was lost that nobody took")
		}
	}
	r, err := m.s.Fsck(t.Context(), fsstore.FsckOptions{})
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("fsck: %+v, %v", r.Problems, err)
	}
	m.once(t)
}

// once: no job is done more often than it was approved.
func (m *model) once(t *rapid.T) {
	list, err := m.s.Jobs(fsstore.Done)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range list {
		approved, done := 0, 0
		for _, e := range j.Job.Events {
			switch e.Kind {
			case job.Approve, job.Retry:
				approved++
			case job.Done:
				done++
			}
		}
		if done > approved && !j.Job.Full {
			t.Fatalf("%s: done %d times for %d approvals", j.Name, done, approved)
		}
	}
}

// TestModel walks the same ways each time, unless -rapid.seed says otherwise.
func TestModel(t *testing.T) {
	if f := flag.Lookup("rapid.seed"); f.Value.String() == "0" {
		defer f.Value.Set("0")
		f.Value.Set("1")
	}
	if checks := flag.Lookup("rapid.checks"); os.Getenv("FROMCACHE_LONG") != "" {
		defer checks.Value.Set(checks.Value.String())
		checks.Value.Set("5000")
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.close()
		t.Repeat(map[string]func(*rapid.T){
			"ask": m.ask, "approve": m.approve, "mv": m.mv, "add": m.add, "claim": m.claim, "publish": m.publish,
			"giveUp": m.giveUp, "die": m.die, "cancel": m.cancel, "yank": m.yank, "retry": m.retry, "evict": m.evict,
			"gc": m.gc, "deny": m.deny, "allow": m.allow, "again": m.again, "": m.check,
		})
	})
}
