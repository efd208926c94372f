package verbs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
)

// Deny keeps URLs from being recorded and fetched: that of a key, whose file moves to denied/,
// those of a host, or those of "*.domain". What is held stays held and is served. To take a denial
// back remove its file from denied/, or mv the file of a key to queue/. Its error is ErrInvalid if
// the name is none of these, or its file holds several URLs.
func (s *Verbs) Deny(name string, by spool.Operator) error {
	if !tree.Plain(name) || strings.HasPrefix(name, "-") { //guard:TestVerbsStayInTheirDirectories
		return fmt.Errorf("%w: %.80q is neither a key, nor a host, nor *.domain",
			spool.ErrInvalid, name)
	}
	k := strings.TrimSuffix(name, ".job")
	for _, st := range deniable(name) {
		for _, n := range []string{k, k + ".job"} {
			err := s.denyFile(st, n, by)
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if !key.Valid(k) {
		k = strings.ToLower(k)
	}
	return s.denyName(k, by)
}

// deniable returns the directories in which the file of what is to be denied may be. A bare host
// means the host, even if a list in queue/ has its name.
func deniable(name string) []tree.State {
	if isBareHost(name) { //guard:TestDenyOfAHostThatAListIsNamedAfter
		return nil
	}
	return []tree.State{tree.Misses, tree.Queue, tree.Failed, tree.Cancelled}
}

// isBareHost reports whether name is a host with a dot in it, and no key or name of a job file.
func isBareHost(name string) bool {
	return !strings.HasSuffix(name, ".job") && !key.Valid(name) && strings.Contains(name, ".") &&
		queries.IsHostPattern(strings.ToLower(name))
}

// denyFile moves st/<name> to denied/ under its key.
func (s *Verbs) denyFile(st tree.State, name string, by spool.Operator) error {
	f, err := tree.OpenJob(s.tree.JobPath(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	j := spool.JobFile{State: st, Name: name}
	s.spool.Describe(&j, b)
	k, err := deniedAs(&j)
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.tree.JobPath(tree.Denied, k)); err != nil {
		return err
	}
	s.spool.LogLine(f, by.DenyEvent())
	return errors.Join(
		f.Sync(), //guard:fsstore/active.TestEachStepIsSynced
		tree.SyncDir(s.tree.Path(string(tree.Denied), ""))) //guard:fsstore/active.TestEachStepIsSynced
}

// deniedAs returns the name under which a job's file denies its URL: the key, without a number and
// in place of a name that a person gave.
func deniedAs(j *spool.JobFile) (string, error) {
	switch stem := tree.StemOf(j.Name); {
	case key.Valid(stem):
		return stem, nil
	case j.Batch > 0: //guard:TestDenyOfAFileThatIsNotNamedByItsKey
		return "", fmt.Errorf("%w: %s/%.80q holds %d URLs: cancel it, then deny each of them, or their "+
			"host", spool.ErrInvalid, j.State, j.Name, j.Batch)
	case j.Key == "":
		return "", fmt.Errorf("%w: %s/%.80q holds no URL that could be denied: remove it",
			spool.ErrInvalid, j.State, j.Name)
	}
	return j.Key, nil
}

// denyName denies what has no job: the key of an artifact that is held, or a host.
func (s *Verbs) denyName(name string, by spool.Operator) error {
	content := "# " + strings.TrimSuffix(by.DenyEvent().Line(), "\n") + "\n"
	if key.Valid(name) {
		a, err := s.held.Artifact(name)
		if err != nil {
			return err
		}
		content = a.URL + "\n" + content
	} else if !queries.IsHostPattern(name) {
		return fmt.Errorf("%w: %.80q is neither a key that is known, nor a host, nor *.domain",
			spool.ErrInvalid, name)
	}
	err := s.tree.WriteNew(content, s.tree.JobPath(tree.Denied, name), true)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return tree.SyncDir(s.tree.Path(string(tree.Denied), "")) //guard:fsstore/active.TestEachStepIsSynced
}

// Allow takes a denial back: rm denied/<name>, which is a key, a host or *.domain; and
// denied/<key>.job, where a job was moved there. When it returns nil that survives a power cut.
func (s *Verbs) Allow(name string, by spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInTheirDirectories
		return spool.Absent(tree.Denied, name)
	}
	absent := spool.Absent(tree.Denied, name)
	for _, file := range []string{name, name + ".job"} {
		err := os.Remove(s.tree.JobPath(tree.Denied, file))
		if err == nil {
			absent = nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if absent != nil {
		return absent
	}
	s.tree.Log.Info("allowed", "name", name, "via", by.Via, "addr", by.Addr)
	return tree.SyncDir(s.tree.Path(string(tree.Denied), ""))
}
