package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

func (by By) denied() job.Event {
	return job.Event{Time: now(), Kind: "deny", Count: 1, Text: strings.TrimSpace(by.Via + " " + by.Addr)}
}

// Deny stops noting and fetching: of one key (its file moves to denied/), of a
// host, or of "*.domain". What is held stays held and is served. ErrInvalid: the
// name is none of these, or its file holds several URLs.
func (s *Store) Deny(name string, by By) error {
	if !plain(name) || strings.HasPrefix(name, "-") {
		return fmt.Errorf("%w: %.80q is neither a key, nor a host, nor *.domain", ErrInvalid, name)
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

// deniable is where a verb looks for the file of what is to be denied. A bare
// host means the host, though a person may have named a list after it.
func deniable(name string) []State {
	if !strings.HasSuffix(name, ".job") && !key.Valid(name) && isHostPattern(strings.ToLower(name)) && strings.Contains(name, ".") {
		return nil
	}
	return []State{Misses, Queue, Failed, Cancelled}
}

func (s *Store) denyFile(st State, name string, by By) error {
	f, err := openJob(s.job(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	j := JobFile{State: st, Name: name}
	s.describe(&j, b)
	k, err := deniedAs(&j)
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.job(Denied, k)); err != nil {
		return err
	}
	s.logLine(f, by.denied())
	return errors.Join(f.Sync(), syncDir(s.path(string(Denied), "")))
}

// deniedAs is the name under which a job's file denies something: its key, which
// a number or a person's own name for it hides.
func deniedAs(j *JobFile) (string, error) {
	switch stem := stemOf(j.Name); {
	case key.Valid(stem):
		return stem, nil
	case j.Batch > 0:
		return "", fmt.Errorf("%w: %s/%.80q holds %d URLs: cancel it, then deny each of them, or their host", ErrInvalid, j.State, j.Name, j.Batch)
	case j.Key == "":
		return "", fmt.Errorf("%w: %s/%.80q holds no URL that could be denied: remove it", ErrInvalid, j.State, j.Name)
	}
	return j.Key, nil
}

// denyName denies what has no job: a held artifact's key, or a host.
func (s *Store) denyName(name string, by By) error {
	content := "# " + strings.TrimSuffix(by.denied().Line(), "\n") + "\n"
	if key.Valid(name) {
		a, err := s.Artifact(name)
		if err != nil {
			return err
		}
		content = a.URL + "\n" + content
	} else if !isHostPattern(name) {
		return fmt.Errorf("%w: %.80q is neither a key that is known, nor a host, nor *.domain", ErrInvalid, name)
	}
	err := s.publishNew(content, s.job(Denied, name), true)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(s.path(string(Denied), ""))
}

func isHostPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	u, err := key.Parse("http://"+s+"/", key.Auto)
	return err == nil && u.Host() == s
}

// DeniedBy is the name in denied/ that speaks for a URL, as it is or once it is
// reached by a redirect, or "".
func (s *Store) DeniedBy(rawURL string) string {
	u, err := s.Parse(rawURL)
	if err != nil {
		return ""
	}
	return s.deniedBy(u)
}

// deniesOld reports whether a denial under a key of an earlier server is of u: by
// the URL in it, under today's rule or under theirs, which took several URLs for
// one. One that holds no URL goes by its name.
func (s *Store) deniesOld(u key.URL, name string) bool {
	b, err := readFile(s.job(Denied, name), maxJobFile)
	jobs := job.Parse(b).Jobs
	if err != nil || len(jobs) == 0 {
		return true
	}
	for _, rule := range []key.Rule{s.rule, key.Old} {
		theirs, err := key.Parse(jobs[0].URL, rule)
		own, _ := key.Parse(u.Whole(), rule)
		if err == nil && theirs.Sum() == own.Sum() {
			return true
		}
	}
	return false
}

// deniedBy is the name in denied/ that speaks for u, or "".
func (s *Store) deniedBy(u key.URL) string {
	for i, k := range s.about(u).names {
		for _, name := range []string{k, k + ".job"} { // mv queue/k.job denied/ counts too
			if exists(s.job(Denied, name)) && (i == 0 || s.deniesOld(u, name)) {
				return name
			}
		}
	}
	for _, name := range hostPatterns(u.Host()) {
		if exists(s.job(Denied, name)) {
			return name
		}
	}
	return ""
}
