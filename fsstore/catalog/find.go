package catalog

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/held"
)

// Bytes is what is known of the bytes with a digest.
type Bytes struct {
	Key     string // of an artifact that has them; "" while meta/ is being read
	Size    int64
	Fetched time.Time
}

// largeDir is the size of meta/ in bytes, as stat tells it, from which on who asks by digest does not
// wait for it to be read: some 10,000 names. A file system that tells no such size is waited for.
const largeDir = 1 << 20

// maxTried is how many artifacts with the same digest or basename are tried.
const maxTried = 1000

// OpenDigest opens the blob of an artifact that is held and has this digest, 64 lower-case hex
// digits. Anything else is fs.ErrNotExist, also a blob that no meta names. What another server has
// published a moment ago may be absent for some seconds. Until a large meta/ has been read, which begins
// with the first question and takes some ten seconds for a million artifacts, it opens whatever blob
// is there, also that of what was evicted and gc has not taken yet.
func (c *Catalog) OpenDigest(digest string) (Bytes, *os.File, error) {
	if !held.IsDigest(digest) {
		return Bytes{}, nil, absent(digest)
	}
	if !c.ready() {
		return c.openFromBlobs(digest)
	}
	b, f, err := c.openKnown(digest)
	if errors.Is(err, fs.ErrNotExist) && c.catchUp() {
		b, f, err = c.openKnown(digest)
	}
	return b, f, err
}

// openFromBlobs opens a blob without a look at meta/.
func (c *Catalog) openFromBlobs(digest string) (Bytes, *os.File, error) {
	f, size, err := c.held.OpenServed(digest)
	if err != nil {
		return Bytes{}, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return Bytes{}, nil, err
	}
	return Bytes{Size: size, Fetched: info.ModTime()}, f, nil
}

func absent(digest string) error {
	return &fs.PathError{Op: "open", Path: "blobs/" + digest, Err: fs.ErrNotExist}
}

// ready reports whether meta/ has been read. Where a View runs it is asked to, else it is read now.
func (c *Catalog) ready() bool {
	now := time.Now()
	c.used.Store(&now)
	if c.IsLoaded() {
		return true
	}
	if !c.kept.Load() {
		c.walkNow()
		return true
	}
	c.want()
	info, err := os.Stat(c.tree.Path("meta", ""))
	if err != nil || info.Size() > largeDir {
		return c.IsLoaded()
	}
	for c.kept.Load() && !c.IsLoaded() {
		time.Sleep(time.Millisecond)
	}
	return c.IsLoaded()
}

func (c *Catalog) walkNow() {
	c.walking.Lock()
	defer c.walking.Unlock()
	began := time.Now()
	c.health.Complain("by digest", c.Walk(context.Background(), true, func(string) {}))
	c.walked, c.took = time.Now(), time.Since(began)
}

// catchUp looks for names that came, where no View does. It does nothing for some seconds after the
// last time, because strangers who ask for what is not there must not keep the server busy.
func (c *Catalog) catchUp() bool {
	if c.kept.Load() {
		return false
	}
	c.walking.Lock()
	due := time.Since(c.walked) > max(5*time.Second, 20*c.took)
	c.walking.Unlock()
	if !due {
		return false
	}
	c.walkNow()
	return true
}

// openKnown opens the blob of the first artifact with that digest whose meta says so now.
func (c *Catalog) openKnown(digest string) (Bytes, *os.File, error) {
	err := absent(digest)
	for _, k := range c.keysOf(byDigest, func(t *table) (uint32, bool) { return t.withDigest(held.DigestBytes(digest)) }) {
		a, f, kErr := c.held.OpenKey(k, digest)
		if kErr == nil {
			return Bytes{a.Key, a.Size, a.Fetched}, f, nil
		}
		err = kErr
	}
	return Bytes{}, nil, err
}

// keysOf returns the keys of a ring.
func (c *Catalog) keysOf(ring int, find func(t *table) (uint32, bool)) (keys []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	first, ok := find(c.table)
	for id := first; ok && len(keys) < maxTried; ok = id != first {
		p := c.table.at(id)
		keys = append(keys, c.table.key(p))
		id = p.next[ring]
	}
	return keys
}

// index adds what this process has just published, if rows are in memory.
func (c *Catalog) index(k string) {
	if c.IsLoaded() || c.read.Load() > 0 {
		c.Refresh(k + ".json")
	}
}

// ByName returns the artifacts that are held whose URL's path ends in this basename,
// percent-encoding decoded, sorted by key, at most MaxByName. What another server has published may
// be absent for some seconds, and all are until meta/ has been read.
func (c *Catalog) ByName(name string) (found []*held.Artifact) {
	c.ready()
	c.catchUp()
	keys := c.keysOf(byName, func(t *table) (uint32, bool) { return t.withName(name) })
	slices.Sort(keys)
	for _, k := range keys {
		a, err := c.held.ArtifactToServe(k)
		if err == nil && basenameOf(a.URL) == name && c.held.HasBlob(a.SHA256, a.Size) {
			found = append(found, a)
		}
		if len(found) == MaxByName {
			break
		}
	}
	return found
}

// MaxByName is how many artifacts ByName returns at most.
const MaxByName = 100

// basenameOf returns the last segment of a URL's path, decoded where it can be, "" where there is
// none.
func basenameOf(rawURL string) string {
	path, _, _ := strings.Cut(rawURL, "?")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if strings.IndexByte(name, '%') < 0 {
		return name
	}
	if decoded, err := url.PathUnescape(name); err == nil {
		return decoded
	}
	return name
}
