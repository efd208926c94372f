package fsstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// What a verb takes files from, when it is not told one directory.
var (
	dismissed = []State{Misses, Failed, Cancelled}
	retried   = []State{Failed, Cancelled, Done}
)

// Dismiss removes a miss, or a job that has ended: it may come back. Of several
// of that name it is the miss, else the job whose log is newest.
func (s *Store) Dismiss(name string, by By) error { return s.DismissIn("", name, by) }

// DismissIn is Dismiss of the file in one directory and in no other.
func (s *Store) DismissIn(st State, name string, _ By) error {
	if !plain(name) {
		return absent(Misses, name)
	}
	for _, j := range s.inTurn(st, name, dismissed) {
		err := os.Remove(s.job(j.State, j.Name))
		if !errors.Is(err, fs.ErrNotExist) {
			if j.State == Failed {
				os.Remove(s.job(j.State, j.Name+".why"))
			}
			return err
		}
	}
	return absent(cmp.Or(st, Misses), name)
}

// inTurn are the places where a verb looks for a file, in their order: the one
// directory that it was told, or "" each. Of several jobs of a key an operator
// means the one whose log is newest.
func (s *Store) inTurn(st State, name string, all []State) []JobFile {
	var list []JobFile
	for _, from := range all {
		if st != "" && st != from {
			continue
		}
		names := endedNames(name)
		if st == "" && key.Valid(name) {
			names = append(names, s.numbered(from, name)...)
		}
		for _, n := range names {
			list = append(list, JobFile{State: from, Name: n})
		}
	}
	if st != "" {
		return list // a row's own name comes before those that it may have had
	}
	jobs := list
	for len(jobs) > 0 && jobs[0].State == Misses {
		jobs = jobs[1:] // a miss is no job's history
	}
	for i := range jobs {
		if j, err := s.JobFile(jobs[i].State, jobs[i].Name); err == nil {
			jobs[i].Job = j.Job
		}
	}
	slices.SortStableFunc(jobs, newestFirst)
	return list
}

// newestFirst orders jobs of several directories by the newest line of their logs. In one directory
// the name says which is newest: moveEnded.
func newestFirst(a, b JobFile) int {
	x, _ := newest(&a.Job)
	y, _ := newest(&b.Job)
	return y.Compare(x)
}

// numbered lists the files of key k in a directory that have a number: k.2.job.
func (s *Store) numbered(st State, k string) []string {
	names, _ := s.names(string(st))
	return slices.DeleteFunc(names, func(name string) bool {
		return stemOf(name) != k || strings.TrimSuffix(name, ".job") == k || strings.HasSuffix(name, ".why")
	})
}

// Cancel stops a queued or active job, named by its file or its key, and puts
// it into cancelled/. A download that runs ends within a second. When the
// artifact was committed first it stays, and the job says so. When it returns nil
// the cancel survives a power cut.
func (s *Store) Cancel(name string, by By) error {
	if !plain(name) {
		return absent(Active, name)
	}
	e := by.event(job.Cancelled)
	var err error
	for range cancelLooks {
		if err = s.cancelWhere(name, e); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// cancelLooks: a job may go to active/ before it is looked for in queue/, and back
// before it is looked for there, as one does whose host has no address.
const cancelLooks = 10

func (s *Store) cancelWhere(name string, e job.Event) error {
	err := s.cancelIn(Queue, name, e)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(Active, name, e)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(Active, s.activeName(strings.TrimSuffix(name, ".job")), e)
	}
	return err
}

func (s *Store) cancelIn(st State, name string, e job.Event) error {
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
		if st == Queue { // who claims it at this moment takes a cancelled job in queue/ for one that a person has moved back
			if err := s.lockQueued(f); err != nil {
				return err
			}
		}
		s.logLine(f, e)
		if err := s.cancelFile(f, st, n); err != nil {
			return err
		}
		return errors.Join(f.Sync(), syncDir(s.path(string(Cancelled), ""))) // the cancel is acknowledged
	}
	return absent(st, name)
}

// lockQueued locks a job in queue/; it is absent once a claim has it.
func (s *Store) lockQueued(f *os.File) error {
	for range 500 {
		err := lock(f)
		if !same(f, f.Name()) {
			return absent(Queue, base(f.Name()))
		}
		if !errors.Is(err, errLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil // a file that a person holds open, or a lost lock: cancelled all the same
}

// cancelFile is a bare rename while a worker owns the job: it notices, and
// gives the file its final name. A job that nobody owns gets it here.
func (s *Store) cancelFile(f *os.File, st State, name string) error {
	stem := strings.TrimSuffix(name, ".job")
	if st == Queue {
		_, err := s.moveEnded(f.Name(), Cancelled, stem)
		return err
	}
	target, err := renameFree(f.Name(), s.path(string(Cancelled), ""), stem)
	if err != nil || st != Active {
		return err
	}
	if lock(f) != nil {
		return nil
	}
	k, _, _ := splitActive(name)
	_, err = s.moveEnded(s.job(Cancelled, target), Cancelled, k)
	return err
}

// Retry puts a failed, cancelled or done job back into queue/, due at once. Of
// several of that name it is the one whose log is newest.
func (s *Store) Retry(name string, by By) error { return s.RetryAs("", name, "", by) }

// RetryAs is Retry of the file in one directory and in no other, or "" in
// whichever; with another URL of the same artifact, such as one with a new
// signature, or "". ErrInvalid: the URL has another key.
func (s *Store) RetryAs(st State, name, rawURL string, by By) error {
	return s.RetryWith(st, name, Addition{URL: rawURL}, by)
}

// RetryWith is RetryAs with the options of more, which are written into the job
// before it moves.
func (s *Store) RetryWith(st State, name string, more Addition, by By) error {
	if !plain(name) {
		return absent(Failed, name)
	}
	if more.SHA256 != "" && !IsDigest(strings.ToLower(more.SHA256)) {
		return fmt.Errorf("%w: a SHA-256 has 64 hexadecimal digits", ErrInvalid)
	}
	e := by.event(job.Retry)
	if more.URL != "" {
		fetch, err := key.FetchURL(more.URL)
		if err != nil {
			return err
		}
		e.URL = fetch
	}
	for _, j := range s.inTurn(st, name, retried) {
		err := s.retryFrom(j.State, j.Name, e, options(more))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return absent(cmp.Or(st, Failed), name)
}

// endedNames are the names under which an ended job may be found. One that was
// seen while its worker had yet to notice the cancel has its own name by now.
func endedNames(name string) []string {
	names := []string{name, name + ".job"}
	if stem, _, ok := splitActive(name); ok {
		names = append(names, stem+".job")
	}
	return names
}

func (s *Store) retryFrom(st State, name string, e job.Event, options string) error {
	f, err := openJob(s.job(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.sameArtifact(f, e.URL); err != nil {
		return err
	}
	if err := lockSoon(f); err != nil && !errors.Is(err, errLocked) {
		return err
	}
	if err := s.noteRetry(f, e, options); err != nil {
		return err
	}
	stem, _, ok := splitActive(name)
	if !ok {
		stem = strings.TrimSuffix(name, ".job")
	}
	if _, err := renameFree(f.Name(), s.path(string(Queue), ""), stem); err != nil {
		return err
	}
	os.Remove(s.job(st, name+".why"))
	defer letGo(f)
	return syncDir(s.path(string(Queue), ""))
}

// noteRetry writes a retry's line, which is durable before the job moves. One
// that names a URL, or an option, decides what is fetched: without it nothing may
// move. Of another the claim writes what it needs, so that a full disk, or a file that
// another user made, hinders no retry.
func (s *Store) noteRetry(f *os.File, e job.Event, options string) error {
	if e.URL == "" && options == "" {
		s.logLine(f, e)
	} else if err := appendWhole(f, options+e.Line()); err != nil {
		return err
	}
	return f.Sync()
}

// sameArtifact reports whether a URL is one of the open job's, if another.
func (s *Store) sameArtifact(f *os.File, rawURL string) error {
	if rawURL == "" {
		return nil
	}
	u, err := s.Parse(rawURL)
	if err != nil {
		return err
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	jobs := job.Parse(b).Jobs
	if len(jobs) == 1 {
		for _, raw := range jobs[0].URLs() { // of an earlier server's, each may be another artifact
			if own, err := s.Parse(raw); err == nil && own.Sum() == u.Sum() {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: that URL names another artifact than this job; add it as a URL of its own", ErrInvalid)
}

// Clear removes the finished jobs, those in done/ and cancelled/, and returns
// how many. What failed stays until someone has looked at it.
func (s *Store) Clear(by By) (n int, err error) {
	defer func() { s.log.Info("cleared", "jobs", n, "via", by.Via, "addr", by.Addr) }()
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

// logLine appends an event to an open job file. It only tells of a move: a
// line that can't be written is a pity and no more. Operators' lines are few,
// and have no limit.
func (s *Store) logLine(f *os.File, e job.Event) {
	info, _ := f.Stat()
	if _, err := f.WriteString(lineEnd(f, info) + e.Line()); err != nil {
		s.complain("log line", err)
	}
}

// appendWhole appends lines that decide what is fetched to an open job file, or
// takes back what a full disk let in of them: the half of a URL is another URL.
// What a client noted in that moment goes with it.
func appendWhole(f *os.File, lines string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n, err := f.WriteString(lineEnd(f, info) + lines)
	if err != nil && n > 0 {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	if errors.Is(err, syscall.EBADF) && hasSecondName(f) {
		return fmt.Errorf("%w: %s: %w", ErrBusy, f.Name(), errShared)
	}
	if errors.Is(err, syscall.EBADF) { // openJob could open it for reading only
		return fmt.Errorf("%w: another user made this file: chmod g+w %s, then try again", fs.ErrPermission, f.Name())
	}
	return err
}

// lineEnd is what a line needs before it where the last one has no end: a
// person's editor left it open, or a full disk cut it.
func lineEnd(f *os.File, info fs.FileInfo) string {
	var last [1]byte
	if info == nil || info.Size() == 0 {
		return ""
	}
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return ""
	}
	return "\n"
}

// moveEnded moves the job file at from, which is ours, to st/<stem>.job and returns the name it got.
// That is the name of the newest job of a key which has ended in a directory, because whoever looks
// for one by its key then needs no listing and no clock. The job that had the name gets the first
// free number, <stem>.2.job and so on: nothing is replaced, and nothing merged.
//
// A crash between the two renames leaves from where it is, for Recover, and no <stem>.job. What can't
// be moved aside keeps its name, and the file gets a number itself: else its key would be active for
// ever.
func (s *Store) moveEnded(from string, st State, stem string) (name string, err error) {
	dir, to := s.path(string(st), ""), s.job(st, stem+".job")
	if from == to { // an operator gave it its name
		return stem + ".job", nil
	}
	if err = renameNew(from, to); !errors.Is(err, fs.ErrExist) {
		return stem + ".job", err
	}
	older, err := renameFree(to, dir, stem)
	if err == nil {
		if err = renameNew(from, to); err == nil {
			_ = renameNew(to+".why", s.job(st, older+".why"))
			return stem + ".job", nil
		}
		_ = renameNew(s.job(st, older), to)
	}
	name, err = renameFree(from, dir, stem)
	if errors.Is(err, fs.ErrExist) { // no number is left
		return stem + ".job", os.Rename(from, to)
	}
	return name, err
}

func absent(st State, name string) error {
	return &fs.PathError{Op: "find", Path: string(st) + "/" + name, Err: fs.ErrNotExist}
}
