package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/spool"
)

// How long files stay in tmp/.
const (
	goneFor = 24 * time.Hour     // a blob that is out of service
	oldTemp = 24 * time.Hour     // a half-written file, whose process has died
	oldPart = 7 * 24 * time.Hour // a part whose key has no job any more
)

var anyDigest = regexp.MustCompile(`(?i)\b[0-9a-f]{64}\b`)

// GC takes blobs that no meta names out of service, restores those that a meta names again, and
// unlinks what has been out of service for a day by its ctime, which the rename set. It touches no
// blob while a meta can't be read or a part of the tree is away. If too much would go at once it
// takes nothing and returns a *Brake, unless it is forced. A crash needs no recovery, because each
// step is one rename or unlink.
func (s *Keeper) GC(o GCOptions) (GCReport, error) {
	var r GCReport
	if s.health.Check(0).Incomplete { //guard:TestGCLeavesHalfATreeAlone
		return r, errors.New("gc touches nothing while a part of the data directory is away")
	}
	if o.Older == 0 {
		o.Older = goneFor
	}
	if o.atOnce == 0 {
		o.atOnce = s.tree.AtOnce()
	}
	before := s.tree.ListingOf("meta")
	wanted, err := s.wanted(o.atOnce)
	if err != nil {
		return r, err
	}
	err = s.takeOut(wanted, o, &r)
	brake, held := errors.AsType[*Brake](err)
	if err != nil && !held {
		return r, err
	}
	if held {
		o.keepGone = true
		return r, errors.Join(brake, s.sweep(wanted, o, &r))
	}
	if len(r.Gone) > 0 && !o.DryRun && !before.Same(s.tree.ListingOf("meta")) {
		if wanted, err = s.wanted(o.atOnce); err != nil { // a publisher may have committed in between
			return r, err
		}
	}
	return r, s.sweep(wanted, o, &r)
}

// digests is a set of SHA-256 digests. It holds the 32 bytes of each, because a data directory may
// have a million.
type digests map[[32]byte]struct{}

func (d digests) add(s string) {
	if held.IsDigest(s) {
		d[held.DigestBytes(s)] = struct{}{}
	}
}

func (d digests) has(s string) bool {
	_, ok := d[held.DigestBytes(s)]
	return ok && held.IsDigest(s)
}

// wanted returns every digest that a meta names. It reads atOnce metas at the same time.
func (s *Keeper) wanted(atOnce int) (digests, error) {
	wanted := digests{}
	readers, err := s.held.NewReaders(atOnce)
	if err != nil {
		return nil, err
	}
	defer readers.Close()
	return wanted, s.tree.EachNames("meta", func(names []string) error {
		for i, d := range tree.LoadWith(readers, names, digestIn) {
			if d != "" {
				wanted.add(d)
			} else if err := s.addWanted(wanted, names[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// digestIn returns the digest in meta/<name>, or "" where that takes a closer look.
func digestIn(r *held.Reader, name string) string {
	b, err := r.Text(name)
	if err != nil {
		return ""
	}
	return held.DigestIn(b)
}

// addWanted adds the digest that meta/<name> names.
func (s *Keeper) addWanted(wanted digests, name string) error {
	b, err := s.held.ReadMeta(name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("gc touches no blob while a meta can't be read: %w", err)
		return err //guard:TestGCTouchesNothingUnreadably
	}
	if d := held.DigestIn(b); d != "" {
		wanted.add(d)
		return nil
	}
	return s.addWantedOfMalformed(wanted, name, b)
}

// addWantedOfMalformed adds every digest in the text of a malformed meta, and the one that its job
// in done/ fetched. It returns an error if there is none, because the meta may then be of any blob.
func (s *Keeper) addWantedOfMalformed(wanted digests, name string, b []byte) error {
	k, isMeta := strings.CutSuffix(name, ".json")
	found := !isMeta
	for _, d := range anyDigest.FindAllString(string(b), -1) {
		d = strings.ToLower(d)
		wanted.add(d)
		found = found || !key.HasSum(k, d) // that is the URL's own
	}
	if j, err := s.spool.JobFile(tree.Done, k+".job"); err == nil {
		if e, ok := j.Job.Newest(job.Done); ok && held.IsDigest(e.Sha256) {
			wanted.add(e.Sha256)
			found = true
		}
	}
	if !found { //guard:TestNamedBytesStay
		return fmt.Errorf("gc touches no blob while meta/%s is malformed and names none: "+
			"mend it, or rm it", name)
	}
	return nil
}

// takeOut takes the blobs that are not wanted out of service.
func (s *Keeper) takeOut(wanted digests, o GCOptions, r *GCReport) error {
	unwanted, all, err := s.unwanted(wanted)
	if err != nil {
		return err
	}
	if !o.Force { //guard:TestGCHasABrake
		if err := s.checkBrake(unwanted, all, wanted, o.atOnce); err != nil {
			r.Held = unwanted
			return err
		}
	}
	for _, d := range unwanted {
		if !o.DryRun && !o.tmpOnly {
			err = s.takeOutOne(d)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.Gone = append(r.Gone, d)
	}
	return nil
}

// unwanted lists the blobs that are not wanted, and counts all blobs.
func (s *Keeper) unwanted(wanted digests) (list []string, all int, err error) {
	err = s.tree.EachNames("blobs", func(names []string) error {
		for _, d := range names {
			if !held.IsDigest(d) {
				continue
			}
			if all++; !wanted.has(d) {
				list = append(list, d)
			}
		}
		return nil
	})
	return list, all, err
}

// takeOutOne renames a blob into tmp/. It never replaces a file there, because another gc may be
// about to unlink that by its name. If there is one, and the blob in service is sound, that one is
// removed first.
func (s *Keeper) takeOutOne(d string) error {
	if !tree.IsRegular(s.tree.Path("blobs", d)) {
		return fs.ErrNotExist
	}
	gone := s.tree.Path("tmp", d+held.GoneSuffix)
	err := tree.RenameNew(s.tree.Path("blobs", d), gone)
	if errors.Is(err, fs.ErrExist) &&
		s.held.VerifyBlob(context.Background(), d) && //guard:TestGCKeepsTheSoundOfTwo
		s.tree.RemoveUnlocked(gone) {
		err = tree.RenameNew(s.tree.Path("blobs", d), gone)
	}
	return err
}

// sweep restores the blobs in tmp/ that are wanted, and unlinks what is old there.
func (s *Keeper) sweep(wanted digests, o GCOptions, r *GCReport) error {
	if _, err := s.spool.Due(); err != nil { // reads queue/, whose files may have names of their own
		return err
	}
	names, err := s.tree.TmpNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		d, gone := strings.CutSuffix(name, held.GoneSuffix)
		switch {
		case gone && wanted.has(d):
			err = s.restoreOne(d, o, r)
		case gone &&
			!o.keepGone: //guard:TestTheBrakeHoldsWhatIsGone
			err = s.unlinkOld(name, o.Older, o, r)
		case strings.HasSuffix(name, ".part"):
			if !s.partWanted(name) { //guard:TestGCKeepsThePartsOfJobs
				err = s.unlinkOld(name, oldPart, o, r)
			}
		case name[0] == '.', strings.HasPrefix(name, tree.HostPrefix):
			err = s.unlinkOld(name, oldTemp, o, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreOne puts a blob back into service that a meta names again. If the blob was fetched again
// meanwhile, the one in tmp/ is removed when it is old.
func (s *Keeper) restoreOne(d string, o GCOptions, r *GCReport) error {
	switch blob := s.tree.Path("blobs", d); {
	case tree.IsRegular(blob):
		if !o.DryRun {
			s.removeDuplicate(d, o.Older)
		}
		return nil
	case tree.Exists(blob):
		s.health.Complain("gc", fmt.Errorf(
			"%s is no file: move it away, the blob in tmp/ takes its place", blob))
		return nil
	}
	if !o.DryRun {
		if err := s.held.RestoreBlob(d); err != nil {
			return err
		}
	}
	r.Restored = append(r.Restored, d)
	return nil
}

// removeDuplicate removes the copy in tmp/ of a blob that is in service. It reads the blob in
// service first, because that may be rotten and the copy sound. It does so under the lock of the
// copy, because takeOutOne removes a copy under that lock, too.
func (s *Keeper) removeDuplicate(d string, age time.Duration) {
	s.tree.RemoveOldIf(s.tree.Path("tmp", d+held.GoneSuffix), age, func() bool {
		return s.held.VerifyBlob(context.Background(), d)
	})
}

// unlinkOld unlinks a file in tmp/ whose ctime is older than age and that nobody has locked.
func (s *Keeper) unlinkOld(name string, age time.Duration, o GCOptions, r *GCReport) error {
	path := s.tree.Path("tmp", name)
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG ||
		time.Since(time.Unix(st.Ctim.Unix())) < age {
		return nil
	}
	if !o.DryRun && !s.tree.RemoveOld(path, age) {
		return nil
	}
	r.Unlinked = append(r.Unlinked, name)
	r.Bytes += st.Size
	return nil
}

// partWanted reports whether a part's key still has a job that may resume it.
func (s *Keeper) partWanted(name string) bool {
	k, _, _ := strings.Cut(name, "@")
	if s.spool.FindActiveByKey(k) != "" {
		return true
	}
	for _, st := range []tree.State{tree.Queue, tree.Failed, tree.Cancelled} {
		for _, name := range []string{k + ".job", k, k + ".2.job"} {
			if tree.Exists(s.tree.JobPath(st, name)) {
				return true
			}
		}
	}
	return s.spool.IsQueuedByKey(k)
}

// Prune removes jobs from done/ and cancelled/ that are older than the history that New was given,
// and misses that nobody has asked for in 30 days (misses.StaleAfter). It goes by the newest line
// in a file, because any append changes the file's own time.
func (s *Keeper) Prune(t time.Time) error {
	for _, st := range []tree.State{tree.Done, tree.Cancelled} {
		if err := s.pruneDir(st, t.Add(-s.history)); err != nil {
			return err
		}
	}
	return s.pruneDir(tree.Misses, t.Add(-misses.StaleAfter)) //guard:TestPruneGoesByTheLog
}

// pruneDir removes the files of a directory whose newest line is older than before. It holds one
// file in memory at a time, because clients fill misses/, and 10,000 files may be gigabytes.
func (s *Keeper) pruneDir(st tree.State, before time.Time) error {
	names, err := s.tree.Names(string(st))
	if err != nil {
		return err
	}
	for _, name := range names {
		j, err := s.spool.JobFile(st, name)
		if err != nil {
			continue
		}
		if last, ok := spool.LastEventTime(&j.Job); ok && last.Before(before) {
			if err := os.Remove(s.tree.JobPath(st, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
