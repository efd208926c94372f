package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// An addition of a URL whose job waits or runs already. What it asks for beyond
// that job is never dropped: it is added to one that waits, and is an error
// where it can't be.

var errMoved = errors.New("the job moved on while it was looked at")

// again does what errMoved broke off: a job that moves is found in its next state.
func again(k string, do func() (string, error)) (string, error) {
	for range 5 {
		if name, err := do(); !errors.Is(err, errMoved) {
			return name, err
		}
	}
	return "", fmt.Errorf("%w: the job of %s can't be looked at, or keeps moving: see what is in queue/, then add the URL again", ErrBusy, k)
}

// enqueue makes the job of key k in queue/. errMoved: there is one by now.
func (s *Store) enqueue(k, content string) (string, error) {
	name := k + ".job"
	err := s.publishNew(content, s.job(Queue, name), true)
	if errors.Is(err, fs.ErrExist) {
		return "", errMoved
	}
	if err != nil {
		return "", err
	}
	return name, syncDir(s.path(string(Queue), ""))
}

// completeWaiting completes the job that we made in queue/, or that was moved
// there.
func (s *Store) completeWaiting(sub subject, a Addition, by By) (string, error) {
	for i, k := range sub.names {
		for _, name := range []string{k + ".job", k} {
			if i > 0 && !s.isFile(sub, Queue, name) { // what has today's name and can't be completed is an error
				continue
			}
			if err := s.complete(sub, name, a, by); !errors.Is(err, fs.ErrNotExist) {
				return name, err
			}
		}
	}
	return "", absent(Queue, sub.names[0])
}

// complete writes what queue/<name> lacks of an addition, under the lock that
// a claim needs: whoever claims the job reads it.
func (s *Store) complete(sub subject, name string, a Addition, by By) error {
	f, err := openJob(s.job(Queue, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lockSoon(f); errors.Is(err, errLocked) {
		return errMoved // a claim has it
	} else if err != nil {
		return err
	}
	defer letGo(f)
	if !same(f, f.Name()) {
		return errMoved
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	lines, err := s.completion(b, sub, name, a, by)
	if err != nil {
		return err
	}
	if lines != "" {
		err = appendWhole(f, lines)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: queue/%s was made by another user and can't be added to: chmod g+w it, then add the URL again", ErrBusy, name)
	}
	return errors.Join(err, f.Sync(), syncDir(s.path(string(Queue), "")))
}

// completion is the lines that the job b in queue/ lacks of an addition: the
// options, and who approved which URL.
func (s *Store) completion(b []byte, sub subject, name string, a Addition, by By) (string, error) {
	j := s.ownJob(b, sub)
	if j == nil {
		return "", fmt.Errorf("%w: queue/%s is no job of this URL alone: mend that file or move it away, then add the URL again", ErrBusy, name)
	}
	lack := lacking(j, a)
	if lack.SHA256 != "" && j.Sha256 != "" {
		return "", fmt.Errorf("%w: queue/%s waits for bytes with another sha256, %s: leave yours out, or cancel that job first, then add the URL again", ErrBusy, name, j.Sha256)
	}
	if lack == (Addition{}) && j.Approved() {
		return "", nil
	}
	e := by.event(job.Approve)
	e.URL = a.URL // always: without it the line would approve what was noted last
	return options(lack) + e.Line(), nil
}

// runs returns an error where the job active/<name> lacks what an addition asks
// for: its claim has read it, and reads no more.
func (s *Store) runs(sub subject, name string, a Addition) error {
	b, err := readFile(s.job(Active, name), maxJobFile)
	if errors.Is(err, fs.ErrNotExist) {
		return errMoved
	}
	if err != nil {
		return err
	}
	if j := s.ownJob(b, sub); j != nil && lacking(j, a) == (Addition{}) {
		return nil
	}
	return fmt.Errorf("%w: active/%s is being fetched now, by another URL of the artifact, or without the sha256 or accept that you ask for: wait for it or cancel it first, then add the URL again", ErrBusy, name)
}

// ownJob is the one job of a file, if it fetches that URL.
func (s *Store) ownJob(b []byte, sub subject) *job.Job {
	jobs := job.Parse(b).Jobs
	if len(jobs) != 1 || !s.isJob(sub, Queue, &jobs[0]) {
		return nil
	}
	return &jobs[0]
}

// lacking is what an addition asks for beyond a job.
func lacking(j *job.Job, a Addition) (lack Addition) {
	if fetch, err := key.FetchURL(j.FetchURL()); err != nil || fetch != a.URL {
		lack.URL = a.URL
	}
	if sum := strings.ToLower(a.SHA256); sum != j.Sha256 {
		lack.SHA256 = sum
	}
	lack.AcceptHTML = a.AcceptHTML && !j.AcceptHTML
	lack.AcceptAny = a.AcceptAny && !j.AcceptAny
	lack.AcceptHTTP = a.AcceptHTTP && !j.AcceptHTTP
	lack.AcceptPrivate = a.AcceptPrivate && !j.AcceptPrivate
	return lack
}
