package upkeep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// rottenSuffix ends the name in tmp/ of a blob whose hash is not its name. gc never removes such a
// file, because it may be the only copy.
const rottenSuffix = ".rotten"

// IsRotten reports whether a name in tmp/ is of a blob that was taken out of service.
func IsRotten(name string) bool { return strings.HasSuffix(name, rottenSuffix) }

// maxProblems bounds what is remembered; each is in the log as well.
const maxProblems = 100

// problemBook remembers the newest problems that Scrub has found.
type problemBook struct {
	mu   sync.Mutex
	list []health.Problem
}

// Problems lists what the scrub of this process found in meta/ and blobs/ and nobody has mended,
// newest first, at most 100.
func (s *Keeper) Problems() []health.Problem {
	s.problems.mu.Lock()
	list := slices.Clone(s.problems.list)
	s.problems.mu.Unlock()
	list = slices.DeleteFunc(list, s.isMended)
	slices.Reverse(list)
	return list
}

// isMended reports whether the file of a problem is gone or is well again.
func (s *Keeper) isMended(p health.Problem) bool {
	k, isMeta := strings.CutPrefix(strings.TrimSuffix(p.Path, ".json"), "meta/")
	if !isMeta {
		return !tree.Exists(s.tree.Root + "/" + p.Path)
	}
	a, err := s.held.Artifact(k)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed)
	}
	text, _ := misnamed(a)
	return text == "" && s.held.HasBlob(a.SHA256, a.Size)
}

// updateProblems replaces what is remembered of path by what a check of it has found. It logs each
// problem that is new, also one that the check has mended.
func (s *Keeper) updateProblems(path string, found []health.Problem) {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	list := slices.DeleteFunc(s.problems.list, func(p health.Problem) bool {
		still := slices.ContainsFunc(found, func(f health.Problem) bool { return f.Path == path })
		return p.Path == path && !still || s.isMended(p)
	})
	for _, p := range found {
		p.Time = tree.Now()
		at := slices.IndexFunc(list, func(o health.Problem) bool { return o.Path == p.Path })
		if at >= 0 && list[at].Text == p.Text {
			list[at].Do = p.Do
			continue
		}
		s.tree.Log.Error("scrub: "+p.Text, "path", p.Path, "do", p.Do)
		if at >= 0 {
			list = slices.Delete(list, at, at+1)
		}
		if !p.Repaired {
			list = append(list, p)
		}
	}
	s.problems.list = list[max(0, len(list)-maxProblems):] //guard:TestProblemsAreBounded
}

// Lost says why an artifact that has a meta is not held and what to do, or "" if it is held.
func (s *Keeper) Lost(a *held.Artifact) string {
	if s.held.HasBlob(a.SHA256, a.Size) {
		return ""
	}
	return "its blob is missing, has another size or can't be read: " + s.fetchAgain(a)
}

// fetchAgain says how a person restores an artifact whose blob is lost. The server does not fetch
// it by itself, because the origin may have other bytes by now, and clients would get those without
// anybody having approved it.
func (s *Keeper) fetchAgain(a *held.Artifact) string {
	id := spool.IDOfHeld(a.Key, a.URLSum)
	done := s.spool.DoneJob(id)
	switch {
	case s.spool.FindQueued(id) != "" || s.spool.FindActive(id) != "":
		return "it is queued already"
	case s.spool.CameByPut(a.Key, &done.Job):
		return "carry it in again, with `fromcache put URL FILE` or the form Upload"
	case done.Name != "":
		return "`fromcache retry " + strings.TrimSuffix(done.Name, ".job") +
			"` fetches it again, as does `mv done/" + done.Name + " queue/`"
	}
	return "fetch it again with `fromcache add URL`, or evict it"
}

// putAside renames a blob into tmp/ and returns its name there. If still reports that the name in
// blobs/ is another file by now, because a worker has published a sound one, putAside leaves that
// and returns "". It replaces no file in tmp/.
func (s *Keeper) putAside(d string, still func(path string) bool) (kept string, err error) {
	path := s.tree.Path("blobs", d)
	for n := 1; ; n++ {
		judged, _ := os.Lstat(path)
		if !still(path) { //guard:TestScrubLooksTwice
			return "", nil
		}
		kept = d + rottenSuffix
		if n > 1 {
			kept = fmt.Sprintf("%s.%d%s", d, n, rottenSuffix)
		}
		err := tree.RenameNew(path, s.tree.Path("tmp", kept))
		if err == nil && s.movedAnother(judged, kept) { //guard:TestNoSoundBlobIsPutAside
			return "", s.held.RestoreBlobFrom(kept, d)
		}
		if !errors.Is(err, fs.ErrExist) || n > 999 {
			return kept, err
		}
	}
}

// movedAnother reports whether the rename to tmp/<kept> moved another file than judged, because a
// worker published between the check and the rename. Until putAside has put that file back, its
// artifact is a miss.
func (s *Keeper) movedAnother(judged fs.FileInfo, kept string) bool {
	caught, err := os.Lstat(s.tree.Path("tmp", kept))
	return err == nil && !os.SameFile(judged, caught)
}
