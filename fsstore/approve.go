package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// The operator's verbs. Each is the rename that the shell would do, plus a
// line in the job's log that says who did it. Where a verb finds nothing to
// move it returns fs.ErrNotExist.

// Approve moves misses/<key> to queue/<key>.job. When it returns nil the
// approval survives a power cut. What will be fetched is the URL that a person
// has seen, given by its job.URLSum; "" is the only one that is noted. Nothing
// noted before or later can change it: the error is an *Unseen where that URL is
// not noted, or several are.
func (s *Store) Approve(k, seen string, by By) error {
	_, err := s.approve(k, seen, Addition{}, by)
	return err
}

// approve writes the line that says what was approved, makes it durable, and
// only then gives the file its new name: whatever is answered is on the disk,
// and no client's line that comes later counts. A crash or an error before the
// rename leaves a miss, which pages show with the URL that was to be fetched.
func (s *Store) approve(k, seen string, a Addition, by By) (string, error) {
	if !plain(k) {
		return "", absent(Misses, k)
	}
	f, err := openJob(s.job(Misses, k))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := lockSoon(f); err != nil && !errors.Is(err, errLocked) {
		return "", err
	}
	if !same(f, f.Name()) { // what a claim has read takes no more options
		return "", absent(Misses, k)
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return "", err
	}
	url, err := approved(b, k, seen, a)
	if err != nil {
		return "", err
	}
	if err := writeApproval(f, b, url, a, by); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	s.flushKey(k)
	name, err := renameFree(f.Name(), s.path(string(Queue), ""), k)
	if err != nil {
		return "", err
	}
	defer letGo(f)
	return name, syncDir(s.path(string(Queue), "")) // the approval is acknowledged
}

// approved is the URL that is approved: what an addition names, or what a person
// has seen; "" where the file holds no job, or several.
func approved(b []byte, k, seen string, a Addition) (string, error) {
	jobs := job.Parse(b).Jobs
	if a.URL != "" || len(jobs) != 1 {
		return a.URL, nil
	}
	return chosen(&jobs[0], k, seen)
}

// writeApproval appends the lines that approve a miss, whose text was b. A client
// whose line came in between with a URL of its own changes nothing: then one more
// line names what is approved.
func writeApproval(f *os.File, b []byte, url string, a Addition, by By) error {
	line1 := ""
	if url != "" && len(job.Parse(b).Jobs) == 0 { // a power cut has emptied it
		line1 = url + "\n"
	}
	e := by.event(job.Approve)
	e.URL = pin(b, url)
	if err := appendWhole(f, line1+options(a)+e.Line()); err != nil || e.URL == url {
		return err
	}
	now, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	if jobs := job.Parse(now).Jobs; len(jobs) != 1 || jobs[0].FetchURL() == url {
		return nil
	}
	e.URL = url
	return appendWhole(f, e.Line())
}

// lockSoon waits for a lock that somebody may hold for a moment: a worker that
// opened the file where it was before, and is about to see that it has moved.
// After a second it is errLocked.
func lockSoon(f *os.File) (err error) {
	for range 500 {
		if err = lock(f); !errors.Is(err, errLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return err
}

// letGo unlocks a file in queue/ and touches its mode, which wakes whoever
// watches the directory: the rename came while it was locked.
func letGo(f *os.File) {
	unlock(f)
	if !hasSecondName(f) { // whose mode would change too
		_ = f.Chmod(0o660) // another user's file waits for the next tick
	}
}

// pin is the URL that an approval names, or "" where line 1 says it already.
func pin(b []byte, url string) string {
	jobs := job.Parse(b).Jobs
	if len(jobs) != 1 {
		return ""
	}
	j := &jobs[0]
	if url == j.URL && len(j.URLs()) < 2 {
		return ""
	}
	return url
}

func (by By) event(k job.Kind) job.Event {
	return job.Event{Time: now(), Kind: k, Count: 1, Via: by.Via, Addr: by.Addr}
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
	if a.AcceptPrivate {
		b.WriteString("accept private\n")
	}
	return b.String()
}

// Add queues a URL that nobody need have asked for, held or not, and returns
// the name of its job. A miss of the same key is approved with it; a job that
// waits already gets what it lacks of the addition. ErrBusy: the job that waits
// must have another digest, or one runs that lacks what is asked for. ErrDenied:
// denied/ speaks for it.
func (s *Store) Add(a Addition, by By) (string, error) {
	u, content, err := s.prepare(a, by)
	if err != nil {
		return "", err
	}
	if a.URL, err = key.FetchURL(a.URL); err != nil {
		return "", err
	}
	return again(u.Key(), func() (string, error) { return s.add(s.about(u), content, a, by) })
}

// add looks for the job in the direction in which jobs flow, so that a moving
// one cannot slip past, and then makes it.
func (s *Store) add(sub subject, content string, a Addition, by By) (string, error) {
	if k := s.miss(sub); k != "" {
		if name, err := s.approve(k, "", a, by); !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
	}
	if name, err := s.completeWaiting(sub, a, by); !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	if name := s.active(sub); name != "" {
		return name, s.runs(sub, name, a)
	}
	return s.enqueue(sub.names[0], content)
}

// prepare checks an addition and writes the whole text of its job.
func (s *Store) prepare(a Addition, by By) (key.URL, string, error) {
	u, err := s.Parse(a.URL)
	if err != nil {
		return u, "", err
	}
	if key.HasUserInfo(a.URL) {
		return u, "", fmt.Errorf("%w: it holds a user name or password; put credentials for %s into the file %s of the --origins directory", key.ErrBadURL, u.Host(), u.Host())
	}
	if a.SHA256 != "" && !IsDigest(strings.ToLower(a.SHA256)) {
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
