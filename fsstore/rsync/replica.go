package rsync

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
)

const markName = fsstore.ReplicaMark

// Report is what a sync to a replica came to.
type Report struct {
	Artifacts int // in the replica
	Lacking   int // left out, or left as they were: their blobs are not in blobs/
	Evicted   int // metas that were removed
	Freed     int // blobs that were removed
}

// passes is how often the metas are read again whose blobs went away before they were copied.
const passes = 3

// Replica copies to a replica what it serves: README, queries/, blobs/ and meta/. The package comment
// has the order. dest is as rsync takes it; it is made where it is missing, but for its parent.
func (s *Syncer) Replica(ctx context.Context, dest string) (r Report, err error) {
	dest = under(dest)
	found, err := s.check(ctx, dest, false)
	if err != nil {
		return r, err
	}
	unlock, err := lock(dest)
	if err != nil {
		return r, err
	}
	defer unlock()
	stage, err := os.MkdirTemp("", "fromcache-sync-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(stage)
	t := &transfer{Syncer: s, dest: dest, stage: stage, named: map[string]bool{}}
	return t.run(ctx, found)
}

// transfer is one sync to one replica.
type transfer struct {
	*Syncer
	dest, stage string
	before      map[string]int64 // the blobs that were there before
	named       map[string]bool  // digests that a meta names, here or there, since before the sync
}

func (t *transfer) run(ctx context.Context, found map[string]int64) (r Report, err error) {
	began := time.Now()
	if _, marked := found[markName]; !marked {
		err = t.mark(ctx, fsstore.Replica{Of: t.of})
	}
	if err == nil {
		err = t.stageMetas(ctx)
	}
	if err == nil {
		err = t.lookThere(ctx, found)
	}
	if err == nil {
		err = t.copyRoot(ctx)
	}
	if err != nil {
		return r, err
	}
	metas, lacking, err := t.copyBlobs(ctx)
	if err != nil {
		return r, err
	}
	if r.Artifacts, r.Lacking, err = len(metas)-len(lacking), len(lacking), t.copyMetas(ctx, metas, lacking); err != nil {
		return r, err
	}
	if r.Evicted, err = t.removeMetas(ctx, metas); err == nil {
		r.Freed, err = t.removeBlobs(ctx)
	}
	if err != nil {
		return r, err
	}
	return r, t.mark(ctx, fsstore.Replica{Of: t.of, Synced: began})
}

// mark writes the file by which the replica is known for one, first and last of all.
func (t *transfer) mark(ctx context.Context, r fsstore.Replica) error {
	path := t.stage + "/" + markName
	if err := os.WriteFile(path, []byte(r.Mark()), 0o664); err != nil {
		return err
	}
	return t.write(ctx, nil, "--ignore-times", path, t.dest)
}

// stageMetas copies meta/ as it is now to where it stands still.
func (t *transfer) stageMetas(ctx context.Context) error {
	return t.Syncer.run(ctx, nil, nil, []string{"-rt", "--checksum", "--delete", "--exclude=.*", t.Syncer.dir + "/meta/", t.stage + "/meta/"})
}

// lookThere lists the blobs of the replica, and reads which of them its metas name. Of these rsync
// brings those alone that differ from ours.
func (t *transfer) lookThere(ctx context.Context, found map[string]int64) (err error) {
	if _, has := found["blobs"]; has {
		if t.before, err = t.list(ctx, t.dest+"blobs/"); err != nil {
			return err
		}
	}
	metas, err := readMetas(t.stage + "/meta")
	if _, has := found["meta"]; has && err == nil {
		args := append([]string{"-rt", "--checksum", "--exclude=.*", "--compare-dest=" + t.stage + "/meta/"}, t.o.Args...)
		if err = t.Syncer.run(ctx, nil, nil, append(args, t.dest+"meta/", t.stage+"/there/")); err != nil {
			return err
		}
		there, err := readMetas(t.stage + "/there")
		if err != nil {
			return err
		}
		t.name(there)
	}
	t.name(metas)
	return err
}

func (t *transfer) name(metas map[string]meta) {
	for _, m := range metas {
		t.named[m.SHA256] = true
	}
}

// copyRoot copies README and queries/, and makes the two directories.
func (t *transfer) copyRoot(ctx context.Context) error {
	from := t.Syncer.dir
	if err := t.write(ctx, nil, "--no-recursive", "--dirs", from+"/README", from+"/blobs", from+"/meta", t.dest); err != nil {
		return err
	}
	if _, err := os.Stat(from + "/queries"); err != nil {
		return nil
	}
	return t.write(ctx, nil, "--delete", from+"/queries", t.dest)
}

// copyBlobs copies the blobs that the staged metas name, and returns these metas and those of them
// whose blobs are not in the replica.
func (t *transfer) copyBlobs(ctx context.Context) (metas, lacking map[string]meta, err error) {
	for pass := range passes {
		if pass > 0 {
			if err := t.stageMetas(ctx); err != nil {
				return nil, nil, err
			}
		}
		if metas, err = readMetas(t.stage + "/meta"); err != nil {
			return nil, nil, err
		}
		t.name(metas)
		wanted := map[string]bool{}
		for _, m := range metas {
			wanted[m.SHA256] = true
		}
		from := t.Syncer.dir + "/blobs/"
		if err := t.write(ctx, sorted(wanted), "--ignore-missing-args", "--partial-dir=.rsync-partial", from, t.dest+"blobs/"); err != nil {
			return nil, nil, err
		}
		if lacking, err = t.lacking(ctx, metas); len(lacking) == 0 || err != nil {
			break
		}
	}
	return metas, lacking, err
}

// lacking returns the metas whose blobs the replica does not have.
func (t *transfer) lacking(ctx context.Context, metas map[string]meta) (map[string]meta, error) {
	there := map[string]int64{}
	if t.o.DryRun { // what could be copied is taken for copied
		for _, m := range metas {
			if info, err := os.Lstat(t.Syncer.dir + "/blobs/" + m.SHA256); err == nil {
				there[m.SHA256] = info.Size()
			}
		}
	} else {
		var err error
		if there, err = t.list(ctx, t.dest+"blobs/"); err != nil {
			return nil, err
		}
	}
	lacking := map[string]meta{}
	for name, m := range metas {
		if size, has := there[m.SHA256]; !has || size != m.Size {
			lacking[name] = m
		}
	}
	return lacking, nil
}

// copyMetas copies the staged metas whose blobs are in the replica. It compares their bytes, because
// two versions may have one size and be of one second.
func (t *transfer) copyMetas(ctx context.Context, metas, lacking map[string]meta) error {
	ready := map[string]bool{}
	for name := range metas {
		if _, lacks := lacking[name]; !lacks { //guard:TestWhatHasNoBlobIsLeftOut
			ready[name] = true
		}
	}
	return t.write(ctx, sorted(ready), "--checksum", t.stage+"/meta/", t.dest+"meta/")
}

// removeMetas removes what is in the replica's meta/ and not here.
func (t *transfer) removeMetas(ctx context.Context, metas map[string]meta) (int, error) {
	there, err := t.list(ctx, t.dest+"meta/")
	if err != nil {
		return 0, err
	}
	gone := map[string]bool{}
	for name := range there {
		if _, is := metas[name]; !is {
			gone[name] = true
		}
	}
	return len(gone), t.remove(ctx, gone, "meta/")
}

// removeBlobs removes the blobs that were there before and that no meta has named since.
func (t *transfer) removeBlobs(ctx context.Context) (int, error) {
	unnamed := map[string]bool{}
	for digest := range t.before {
		if fsstore.IsDigest(digest) && !t.named[digest] { //guard:TestABlobOutlivesItsMetaByASync
			unnamed[digest] = true
		}
	}
	return len(unnamed), t.remove(ctx, unnamed, "blobs/")
}

// remove removes files of the replica by their names: rsync does so with those that are wanted and
// are not in the source, which is an empty directory.
func (t *transfer) remove(ctx context.Context, names map[string]bool, dir string) error {
	if len(names) == 0 {
		return nil
	}
	empty := t.stage + "/empty/"
	if err := os.MkdirAll(empty, 0o700); err != nil {
		return err
	}
	return t.write(ctx, sorted(names), "--delete-missing-args", empty, t.dest+dir)
}

// meta is what a sync wants to know of meta/<key>.json.
type meta struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// readMetas reads the metas of a directory that rsync made, by their names. What makes no sense is
// left out, as a server leaves it out.
func readMetas(dir string) (map[string]meta, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	metas := make(map[string]meta, len(entries))
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(dir + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		var m meta
		if json.Unmarshal(b, &m) == nil && fsstore.IsDigest(m.SHA256) {
			metas[e.Name()] = m
		}
	}
	return metas, nil
}

func sorted(names map[string]bool) []string {
	list := slices.Sorted(maps.Keys(names))
	if list == nil {
		return []string{} // nil would be all
	}
	return list
}
