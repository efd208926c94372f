package fsstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Jobs lists one directory of the spool, by name. A file that vanishes
// meanwhile is left out; one that can't be used is listed with a Note.
func (s *Store) Jobs(st State) ([]JobFile, error) {
	names, err := s.names(string(st))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	list := make([]JobFile, 0, len(names))
	for _, name := range names {
		if st == Failed && strings.HasSuffix(name, ".why") {
			continue
		}
		if f, err := s.JobFile(st, name); err == nil {
			list = append(list, f)
		}
	}
	return list, nil
}

// Count is the number of files in one directory of the spool.
func (s *Store) Count(st State) (int, error) {
	names, err := s.names(string(st))
	return len(names), err
}

// Keys lists the keys that are held, sorted: one listing, no meta is read.
func (s *Store) Keys() ([]string, error) {
	names, err := s.names("meta")
	if err != nil {
		return nil, err
	}
	keys := names[:0]
	for _, name := range names {
		if k, ok := strings.CutSuffix(name, ".json"); ok {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys, nil
}

// JobFile reads one file of the spool.
func (s *Store) JobFile(st State, name string) (JobFile, error) {
	if !plain(name) {
		return JobFile{}, absent(st, name)
	}
	j := JobFile{State: st, Name: name, Total: -1}
	b, err := readFile(s.job(st, name), maxJobFile)
	switch {
	case errors.Is(err, errForeign):
		return j, absent(st, name)
	case errors.Is(err, fs.ErrPermission):
		j.Note = "the server may not read this file: chmod it"
	case err != nil:
		return j, err
	}
	s.describe(&j, b)
	return j, nil
}

// Log is the text of one file of the spool, at most 4 MiB: for its reader, who
// must redact it.
func (s *Store) Log(st State, name string) ([]byte, error) {
	if !plain(name) {
		return nil, absent(st, name)
	}
	return readFile(s.job(st, name), maxJobFile)
}

func (s *Store) describe(j *JobFile, b []byte) {
	parsed := job.Parse(b)
	if len(parsed.Jobs) > 0 {
		j.Job = parsed.Jobs[0]
		j.Due = j.Job.Due()
		if u, err := s.Parse(j.Job.FetchURL()); err == nil {
			j.Key = u.Key()
		}
	}
	if len(parsed.Jobs) > 1 {
		j.Batch = len(parsed.Jobs)
		j.Job.Events = parsed.Jobs[len(parsed.Jobs)-1].Events
	}
	switch j.State {
	case Queue:
		j.Note = s.queueNote(j, parsed, b)
	case Active:
		s.progress(j)
	case Denied:
		switch stem := stemOf(j.Name); {
		case key.Valid(stem) && stem != strings.TrimSuffix(j.Name, ".job"):
			j.Note = "it denies nothing under this name: mv it to denied/" + stem
		case !key.Valid(stem) && !isHostPattern(j.Name):
			j.Note = "it denies nothing: a host is written in lower case, without scheme and port"
		}
	case Failed:
		if why, err := readFile(s.job(Failed, j.Name+".why"), job.MaxFile); err == nil {
			j.Note = strings.TrimSpace(string(why))
		} else if len(parsed.Jobs) == 0 {
			j.Note = lastLine(b)
		}
	}
}

// lastLine is where a file that holds no URL says why it was set aside.
func lastLine(b []byte) string {
	text := strings.TrimSpace(string(b))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	if _, why, ok := strings.Cut(text, " failed "); ok {
		text = why
	}
	return text[:min(len(text), 1<<10)]
}

func (s *Store) queueNote(j *JobFile, p job.File, b []byte) string {
	switch {
	case j.Note != "":
		return j.Note
	case !countsInQueue(j.Name):
		return "ignored: name it " + j.Name + ".job"
	case !key.Valid(stemOf(j.Name)) && (len(b) == 0 || b[len(b)-1] != '\n'):
		return "not taken yet: its last line has no end; finish it with a newline"
	case s.beingWritten(j.Name):
		return "not taken yet: a program has it open for writing"
	case len(p.Jobs) == 0:
		return "it holds no URL"
	case waits(j.Due, j.Job.DueWritten(), time.Now()) && j.Job.DueWritten().IsZero():
		j.PutOff = true
		return "put off: not before " + j.Due.UTC().Format(time.RFC3339)
	case waits(j.Due, j.Job.DueWritten(), time.Now()):
		return strings.TrimPrefix(fmt.Sprintf("%s; again at %s", j.Job.Reason(), j.Due.UTC().Format(time.RFC3339)), "; ")
	}
	j.promise()
	return ""
}

func (s *Store) progress(j *JobFile) {
	stem, worker, ok := splitActive(j.Name)
	if !ok {
		j.Note = "not a claim: move it to queue/ to have it fetched"
		return
	}
	j.Worker = worker
	if !strings.HasPrefix(stem, "batch-") && !key.IsOld(stem) {
		j.Key = stem
	}
	j.promise()
	j.Part = s.partSize(j)
}

// promise reads off the log what the origin promised last.
func (j *JobFile) promise() {
	if e, ok := j.Job.Newest(job.Start); ok {
		j.Total = e.Size
	}
}

// Why tells all that is known of one URL.
func (s *Store) Why(rawURL string) (*Report, error) {
	u, err := s.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	r := &Report{URL: key.Redact(u.String()), Key: u.Key(), Rule: s.RuleInWords(rawURL), Denied: s.deniedBy(u)}
	if r.Artifact, err = s.Lookup(rawURL); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	held := r.Key
	if r.Artifact != nil {
		held = r.Artifact.Key // which another rule may have made
	}
	r.Hits = s.Hits(held)
	r.Broken = brokenInWords(err)
	if r.Artifact == nil {
		r.Broken = cmp.Or(r.Broken, s.lostInWords(s.about(u)))
		r.Hints = s.Hints(rawURL, s.notedBeside(u))
		if strings.Contains(u.Whole(), "?") {
			r.Hints = r.Hints[1:] // which Rule is
		}
	}
	sub := s.about(u)
	for _, st := range []State{Misses, Queue, Active, Done, Failed, Cancelled} {
		names, err := s.names(string(st))
		if err != nil {
			return nil, err
		}
		from := len(r.Jobs)
		for _, name := range names {
			if j, ok := s.jobAbout(sub, st, name); ok {
				r.Jobs = append(r.Jobs, j)
			}
		}
		slices.SortStableFunc(r.Jobs[from:], newestFirst)
	}
	return r, nil
}

// brokenInWords says what keeps an artifact that has a meta from being served.
func brokenInWords(err error) string {
	switch {
	case errors.Is(err, ErrCorrupt):
		return "its blob is missing, has another size or can't be read: run `fromcache fsck`, which says how to have it back"
	case errors.Is(err, errMalformed):
		return "its meta is malformed: run `fromcache fsck --repair`"
	case errors.Is(err, errIllegible):
		return "its meta can't be read: give the file to the server's user and group, and look at dmesg; `fromcache fsck` says more"
	}
	return ""
}
