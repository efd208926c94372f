// Package judge compares a data directory with what a harness did to it.
//
// Fsck sees what a tree alone can show. Check knows more: which bytes an origin
// served under a URL, what was acknowledged, what was approved. It reads the
// files itself, and none of them through the store, so that a mistake of the
// store can't hide itself. The invariants are
//
//	I1  every meta has its blob; size and SHA-256 agree
//	I2  no job file has two names, no key two locked jobs in active/, none vanished
//	I3  what was acknowledged is held
//	I4  held bytes are the true bytes, whole
//	I5  nothing half-written is older than its rule
//	I6  nothing outside the data directory changed
//	I7  one done for each approval
package judge

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Known is what a harness did, and so what the tree must show.
type Known struct {
	Bodies  map[string]string // URL to the digests of its true bytes, space between versions
	Held    []string          // acknowledged as held
	Queued  []string          // acknowledged as approved, and not cancelled
	Evicted []string          // acknowledged as evicted, and not fetched since
	Settled bool              // all work is done: nothing is queued or active
	Extra   int               // more done lines than approvals, at most: a batch that was killed repeats one URL
}

// Check reads the tree at dir and returns what breaks the promise, a line each.
func Check(dir string, k Known) []string {
	c := &check{dir: dir, known: k, held: map[string]string{}, jobs: map[string][]string{}}
	c.metas()
	c.spool()
	c.acknowledged()
	return c.found
}

type check struct {
	dir   string
	known Known
	held  map[string]string   // key to digest
	jobs  map[string][]string // key to the paths of its jobs
	found []string
}

func (c *check) bad(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// KeyOf is the key of a URL, or "".
func KeyOf(url string) string {
	u, err := key.Parse(url, key.Auto)
	if err != nil {
		return ""
	}
	return u.Key()
}

// metas: I1, and I4 as far as the bytes on the disk go.
func (c *check) metas() {
	list, err := os.ReadDir(c.dir + "/meta")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.bad("%v", err)
	}
	for _, e := range list {
		k, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		c.meta(k)
	}
}

func (c *check) meta(k string) {
	var m struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	}
	b, err := os.ReadFile(c.dir + "/meta/" + k + ".json")
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		c.bad("I1: meta/%s.json: %v", k, err)
		return
	}
	digest, size, err := hashFile(c.dir + "/blobs/" + m.SHA256)
	if err != nil || digest != m.SHA256 || size != m.Size {
		c.bad("I1: meta/%s.json says %d bytes %.8s; its blob: %d bytes %.8s, %v", k, m.Size, m.SHA256, size, digest, err)
	}
	c.held[k] = m.SHA256
}

func hashFile(path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), n, err
}

var spool = []string{"misses", "queue", "active", "done", "failed", "cancelled"}

// spool: I2 and I7.
func (c *check) spool() {
	inodes := map[uint64]string{}
	locked := map[string]string{}
	for _, dir := range spool {
		list, err := os.ReadDir(c.dir + "/" + dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a tree that is being made
			c.bad("%v", err)
		}
		for _, e := range list {
			if e.Type().IsRegular() && e.Name()[0] != '.' {
				c.job(dir, e.Name(), inodes, locked)
			}
		}
	}
}

func (c *check) job(dir, name string, inodes map[uint64]string, locked map[string]string) {
	path := dir + "/" + name
	f, err := os.Open(c.dir + "/" + path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.bad("%v", err)
		return
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) == nil {
		if other := inodes[st.Ino]; other != "" {
			c.bad("I2: %s and %s are one file", other, path)
		}
		inodes[st.Ino] = path
	}
	b, _ := io.ReadAll(f)
	parsed := job.Parse(b).Jobs
	for i := range parsed {
		k := KeyOf(parsed[i].FetchURL())
		c.jobs[k] = append(c.jobs[k], path)
		if dir == "done" && len(parsed) == 1 {
			c.once(path, &parsed[i])
		}
	}
	if dir != "active" {
		return
	}
	if c.known.Settled {
		c.bad("I2: %s is left, and nothing works on it", path)
	}
	if stem, _, _ := strings.Cut(name, "@"); unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		if other := locked[stem]; other != "" {
			c.bad("I2: %s and %s are two locked jobs of one key", other, path)
		}
		locked[stem] = path
	}
}

// once: I7.
func (c *check) once(path string, j *job.Job) {
	approved, done := 0, 0
	for _, e := range j.Events {
		switch e.Kind {
		case job.Approve, job.Retry:
			approved++
		case job.Done:
			done++
		}
	}
	if done > approved+c.known.Extra {
		c.bad("I7: %s is done %d times for %d approvals", path, done, approved)
	}
	if done == 0 && c.known.Settled {
		c.bad("I7: %s has no done line", path)
	}
}

// acknowledged: I2 (none vanished), I3 and I4.
func (c *check) acknowledged() {
	for _, url := range c.known.Held {
		if c.held[KeyOf(url)] == "" {
			c.bad("I3: %s was acknowledged as held, and is not", url)
		}
	}
	for _, url := range c.known.Evicted {
		if c.held[KeyOf(url)] != "" {
			c.bad("I3: %s was acknowledged as evicted, and is held", url)
		}
	}
	for url, digests := range c.known.Bodies {
		if d := c.held[KeyOf(url)]; d != "" && !strings.Contains(digests, d) {
			c.bad("I4: %s is held with other bytes: %.8s", url, d)
		}
	}
	for _, url := range c.known.Queued {
		k := KeyOf(url)
		if c.held[k] == "" && len(c.jobs[k]) == 0 {
			c.bad("I2: %s was approved, and is nowhere", url)
		}
		if c.known.Settled && c.held[k] == "" {
			c.bad("I2: %s was approved, and is not held: %q", url, c.jobs[k])
		}
	}
}

// Outside is a fingerprint of everything below dir but the data directory in
// it: I6 is that it stays the same.
func Outside(dir, data string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == data {
			if path == data {
				return fs.SkipDir
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %v %d\n", path, info.Mode(), info.Size())
		if info.Mode().IsRegular() {
			sum, _, err := hashFile(path)
			fmt.Fprintln(h, sum, err)
		}
		return nil
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
