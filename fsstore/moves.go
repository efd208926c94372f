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

// The operator's verbs. Each is the rename that the shell would do, plus a
// line in the job's log that says who did it. Where a verb finds nothing to
// move it returns fs.ErrNotExist.

// Approve moves misses/<key> to queue/<key>.job. When it returns nil the
// approval survives a power cut. What will be fetched is the newest URL noted
// up to now; nothing noted later can change it.
func (s *Store) Approve(k string, by By) error {
	s.flushKey(k)
	_, err := s.approve(k, Addition{}, by)
	return err
}

// approve: the content is made durable, then the name, for a miss was never
// fsynced. The lock is held until the line is written, so that no claim comes
// before it. A crash before the rename leaves the miss; after it, the claim
// writes the line that is missing.
func (s *Store) approve(k string, a Addition, by By) (string, error) {
	if !plain(k) {
		return "", absent(Misses, k)
	}
	f, err := openJob(s.job(Misses, k))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := lock(f); err != nil && !errors.Is(err, errLocked) {
		return "", err
	}
	if _, err := f.WriteString(options(a)); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return "", err
	}
	name, err := renameFree(f.Name(), s.path(string(Queue), ""), k)
	if err != nil {
		return "", err
	}
	e := by.event(job.Approve)
	e.URL = pin(b, a.URL)
	s.logLine(f, e)
	defer letGo(f)
	return name, errors.Join(f.Sync(), syncDir(s.path(string(Queue), "")))
}

// letGo unlocks a file in queue/ and touches its mode, which wakes whoever
// watches the directory: the rename came while it was locked.
func letGo(f *os.File) {
	unlock(f)
	_ = f.Chmod(0o660) // another user's file waits for the next tick
}

// pin is the URL that an approval names, or "" where line 1 says it already.
func pin(b []byte, url string) string {
	jobs := job.Parse(b).Jobs
	if len(jobs) != 1 {
		return ""
	}
	j := &jobs[0]
	if url == "" {
		urls := j.URLs()
		if len(urls) < 2 {
			return ""
		}
		url = newestNoted(j)
	}
	if url == j.URL && len(j.URLs()) < 2 {
		return ""
	}
	return url
}

func newestNoted(j *job.Job) string {
	url := j.URL
	for _, e := range j.Events {
		if e.Kind == job.Miss && e.URL != "" {
			url = e.URL
		} else if e.Kind == job.Miss {
			url = j.URL
		}
	}
	return url
}

func (by By) event(k job.Kind) job.Event {
	return job.Event{Time: now(), Kind: k, Count: 1, Via: by.Via, Addr: by.Addr}
}

func (by By) denied() job.Event {
	return job.Event{Time: now(), Kind: "deny", Count: 1, Text: strings.TrimSpace(by.Via + " " + by.Addr)}
}

// options are the lines that an addition puts below its URL.
func options(a Addition) string {
	var b strings.Builder
	if a.SHA256 != "" {
		b.WriteString("sha256 " + strings.ToLower(a.SHA256) + "\n")
	}
	if a.AcceptHTML {
		b.WriteString("accept text/html\n")
	}
	if a.AcceptAny {
		b.WriteString("accept any\n")
	}
	if a.AcceptHTTP {
		b.WriteString("accept http\n")
	}
	return b.String()
}

// Add queues a URL that nobody need have asked for, held or not, and returns
// the name of its job. A miss of the same key is approved with it; a job that
// is queued or active already is left as it is. ErrDenied: denied/ speaks for it.
func (s *Store) Add(a Addition, by By) (string, error) {
	u, content, err := s.prepare(a, by)
	if err != nil {
		return "", err
	}
	k := u.Key()
	s.flushKey(k)
	if a.URL, err = key.FetchURL(a.URL); err != nil {
		return "", err
	}
	if name, err := s.approve(k, a, by); !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	if name := s.activeName(k); name != "" {
		return name, nil
	}
	name := k + ".job"
	err = s.publishNew(content, s.job(Queue, name), true)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return name, syncDir(s.path(string(Queue), ""))
}

// prepare checks an addition and writes the whole text of its job.
func (s *Store) prepare(a Addition, by By) (key.URL, string, error) {
	u, err := key.Parse(a.URL, s.opt.Rule)
	if err != nil {
		return u, "", err
	}
	if key.HasUserInfo(a.URL) {
		return u, "", fmt.Errorf("%w: it holds a user name or password; put credentials for %s into the file %s of the --credentials directory", key.ErrBadURL, u.Host(), u.Host())
	}
	if a.SHA256 != "" && !isDigest(strings.ToLower(a.SHA256)) {
		return u, "", fmt.Errorf("%w: %.80q is not a SHA-256, which has 64 hexadecimal digits", ErrInvalid, a.SHA256)
	}
	if name := s.deniedBy(u); name != "" {
		return u, "", fmt.Errorf("%w: denied/%s speaks for this URL; remove that file to allow it", ErrDenied, name)
	}
	fetch, err := key.FetchURL(a.URL)
	if err != nil {
		return u, "", err
	}
	return u, fetch + "\n" + options(a) + by.event(job.Approve).Line(), nil
}

// Dismiss removes a miss, or a job that has ended: it may come back.
func (s *Store) Dismiss(name string, _ By) error {
	if !plain(name) {
		return absent(Misses, name)
	}
	for _, st := range []State{Misses, Failed, Cancelled} {
		for _, n := range []string{name, name + ".job"} {
			err := os.Remove(s.job(st, n))
			if !errors.Is(err, fs.ErrNotExist) {
				if st == Failed {
					os.Remove(s.job(st, n+".why"))
				}
				return err
			}
		}
	}
	return absent(Misses, name)
}

// Deny stops noting and fetching: of one key (its file moves to denied/), of a
// host, or of "*.domain". What is held stays held and is served.
func (s *Store) Deny(name string, by By) error {
	if !plain(name) || strings.HasPrefix(name, "-") {
		return fmt.Errorf("%w: %.80q is neither a key, nor a host, nor *.domain", ErrInvalid, name)
	}
	k := strings.TrimSuffix(name, ".job")
	for _, st := range []State{Misses, Queue, Failed, Cancelled} {
		for _, n := range []string{k, k + ".job"} {
			err := s.denyFile(st, n, k, by)
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return s.denyName(k, by)
}

func (s *Store) denyFile(st State, name, k string, by By) error {
	f, err := openJob(s.job(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Rename(f.Name(), s.job(Denied, k)); err != nil {
		return err
	}
	s.logLine(f, by.denied())
	return errors.Join(f.Sync(), syncDir(s.path(string(Denied), "")))
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

// Cancel stops a queued or active job, named by its file or its key, and puts
// it into cancelled/. A download that runs ends within a second. When the
// artifact was committed first it stays, and the job says so.
func (s *Store) Cancel(name string, by By) error {
	if !plain(name) {
		return absent(Active, name)
	}
	err := s.cancelIn(Queue, name, by)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(Active, name, by)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(Active, s.activeName(strings.TrimSuffix(name, ".job")), by)
	}
	return err
}

func (s *Store) cancelIn(st State, name string, by By) error {
	if name == "" {
		return absent(st, name)
	}
	for _, n := range []string{name, name + ".job"} {
		f, err := openJob(s.job(st, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		s.logLine(f, by.event(job.Cancelled))
		return s.cancelFile(f, st, n)
	}
	return absent(st, name)
}

// cancelFile is a bare rename while a worker owns the job: it notices, and
// gives the file its final name. A job that nobody owns gets it here.
func (s *Store) cancelFile(f *os.File, st State, name string) error {
	target := strings.TrimSuffix(name, ".job") + ".job"
	if err := os.Rename(f.Name(), s.job(Cancelled, target)); err != nil || st != Active {
		return err
	}
	if lock(f) != nil {
		return nil
	}
	k, _, _ := splitActive(name)
	return s.moveHistory(f, s.job(Cancelled, target), Cancelled, k)
}

// Retry puts a failed, cancelled or done job back into queue/, due at once.
func (s *Store) Retry(name string, by By) error {
	if !plain(name) {
		return absent(Failed, name)
	}
	for _, st := range []State{Failed, Cancelled, Done} {
		for _, n := range []string{name, name + ".job"} {
			err := s.retryFrom(st, n, by)
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return absent(Failed, name)
}

func (s *Store) retryFrom(st State, name string, by By) error {
	f, err := openJob(s.job(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(f); err != nil && !errors.Is(err, errLocked) {
		return err
	}
	if _, err := renameFree(f.Name(), s.path(string(Queue), ""), strings.TrimSuffix(name, ".job")); err != nil {
		return err
	}
	os.Remove(s.job(st, name+".why"))
	s.logLine(f, by.event(job.Retry))
	defer letGo(f)
	return errors.Join(f.Sync(), syncDir(s.path(string(Queue), "")))
}

// Evict removes the artifact: the next request is a miss. gc keeps its blob a
// day longer.
func (s *Store) Evict(k string, by By) error {
	if !plain(k) {
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	if err := os.Remove(s.path("meta", k+".json")); err != nil {
		return err
	}
	s.log.Info("evicted", "key", k, "via", by.Via, "addr", by.Addr)
	return syncDir(s.path("meta", ""))
}

// Clear removes the finished jobs, those in done/ and cancelled/, and returns
// how many. What failed stays until someone has looked at it.
func (s *Store) Clear(_ By) (int, error) {
	n := 0
	for _, st := range []State{Done, Cancelled} {
		names, err := s.names(string(st))
		if err != nil {
			return n, err
		}
		for _, name := range names {
			if err := os.Remove(s.job(st, name)); err == nil {
				n++
			} else if !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
		}
	}
	return n, nil
}

// logLine appends an event to an open job file. The move it tells of has
// happened: a line that can't be written is a pity and no more.
func (s *Store) logLine(f *os.File, e job.Event) {
	info, err := f.Stat()
	if err == nil && info.Size() >= job.MaxFile {
		return
	}
	if _, err := f.WriteString(e.Line()); err != nil {
		s.complain("log line", err)
	}
}

// moveHistory moves the open job file at from, which is ours, to
// st/<stem>.job. What is there already is older history of the same key: it
// goes before the file's own lines, in a copy that takes the file's place
// first, so that no moment shows two names. A crash in between leaves the file
// where it was, with its history.
func (s *Store) moveHistory(f *os.File, from string, st State, stem string) error {
	to := s.job(st, stem+".job")
	earlier, err := readFile(to, maxJobFile)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	own, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	merged, err := s.writeTemp(job.Merge(earlier, own), 0o660, true)
	if err != nil {
		return err
	}
	defer merged.Close()
	if !same(f, from) {
		os.Remove(merged.Name())
		return absent(st, from)
	}
	if err := os.Rename(merged.Name(), from); err != nil {
		os.Remove(merged.Name())
		return err
	}
	return os.Rename(from, to)
}

func absent(st State, name string) error {
	return &fs.PathError{Op: "find", Path: string(st) + "/" + name, Err: fs.ErrNotExist}
}
