package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// Jobs lists one directory of the spool, by name. A file that vanishes meanwhile is left out; one
// that can't be used is listed with a Note.
func (s *Spool) Jobs(st tree.State) ([]JobFile, error) {
	names, err := s.JobNames(st)
	if err != nil {
		return nil, err
	}
	list := make([]JobFile, 0, len(names))
	for _, name := range names {
		if f, err := s.JobFile(st, name); err == nil {
			list = append(list, f)
		}
	}
	return list, nil
}

// JobNames lists the names of the job files in one directory of the spool, sorted. It reads none.
func (s *Spool) JobNames(st tree.State) ([]string, error) {
	names, err := s.tree.Names(string(st))
	if err != nil {
		return nil, err
	}
	if st == tree.Failed {
		names = slices.DeleteFunc(names, func(name string) bool {
			return strings.HasSuffix(name, ".why")
		})
	}
	slices.Sort(names)
	return names, nil
}

// Count returns the number of files in one directory of the spool.
func (s *Spool) Count(st tree.State) (int, error) {
	names, err := s.tree.Names(string(st))
	return len(names), err
}

// JobFile reads one file of the spool.
func (s *Spool) JobFile(st tree.State, name string) (JobFile, error) {
	if !tree.Plain(name) {
		return JobFile{}, Absent(st, name)
	}
	j := JobFile{State: st, Name: name, Total: -1}
	b, err := tree.ReadFile(s.tree.JobPath(st, name), tree.MaxJobFile)
	switch {
	case errors.Is(err, tree.ErrNotRegular):
		return j, Absent(st, name)
	case errors.Is(err, fs.ErrPermission):
		j.Note = "the server may not read this file: chmod it"
	case err != nil:
		return j, err
	}
	s.Describe(&j, b)
	return j, nil
}

// Log returns the text of one file of the spool, at most 4 MiB. The caller must redact it.
func (s *Spool) Log(st tree.State, name string) ([]byte, error) {
	if !tree.Plain(name) {
		return nil, Absent(st, name)
	}
	return tree.ReadFile(s.tree.JobPath(st, name), tree.MaxJobFile)
}

// Describe fills in what a listing shows of a job file whose text is b.
func (s *Spool) Describe(j *JobFile, b []byte) {
	parsed := job.Parse(b)
	if len(parsed.Jobs) > 0 {
		j.Job = parsed.Jobs[0]
		j.Due = j.Job.Due()
		if u, err := s.queries.Parse(j.Job.FetchURL()); err == nil {
			j.Key = u.Key()
		}
	}
	if len(parsed.Jobs) > 1 {
		j.Batch = len(parsed.Jobs)
		j.Job.Events = parsed.Jobs[len(parsed.Jobs)-1].Events
	}
	switch j.State {
	case tree.Queue:
		j.Note = s.queueNote(j, parsed, b)
	case tree.Active:
		s.describeActive(j)
	case tree.Denied:
		switch stem := tree.StemOf(j.Name); {
		case key.Valid(stem) && stem != strings.TrimSuffix(j.Name, ".job"):
			j.Note = "it denies nothing under this name: mv it to denied/" + stem
		case !key.Valid(stem) && !queries.IsHostPattern(j.Name):
			j.Note = "it denies nothing: a host is written in lower case, without scheme and port"
		}
	case tree.Failed:
		why, err := tree.ReadFile(s.tree.JobPath(tree.Failed, j.Name+".why"), job.MaxFile)
		if err == nil {
			j.Note = strings.TrimSpace(string(why))
		} else if len(parsed.Jobs) == 0 {
			j.Note = lastLine(b)
		}
	}
}

// lastLine returns the reason in a refused file that holds no URL: it is the last line.
func lastLine(b []byte) string {
	text := strings.TrimSpace(string(b))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	if _, why, ok := strings.Cut(text, " failed "); ok {
		text = why
	}
	return text[:min(len(text), 1<<10)]
}

// queueNote says in words why a file in queue/ is not fetched yet, or "".
func (s *Spool) queueNote(j *JobFile, p job.File, b []byte) string {
	switch {
	case j.Note != "":
		return j.Note
	case !tree.IsQueueName(j.Name):
		return "ignored: name it " + j.Name + ".job"
	case !key.Valid(tree.StemOf(j.Name)) && len(b) == 0:
		return "not taken yet: it is empty: write a URL, or remove it"
	case !key.Valid(tree.StemOf(j.Name)) && b[len(b)-1] != '\n':
		return "not taken yet: its last line has no end; finish it with a newline"
	case s.IsBeingWritten(j.Name):
		return "not taken yet: a program has it open for writing"
	case len(p.Jobs) == 0:
		return "it holds no URL"
	case isLater(j.Due, j.Job.DueWritten(), time.Now()) && j.Job.DueWritten().IsZero():
		j.PutOff = true
		return "put off: not before " + j.Due.UTC().Format(time.RFC3339)
	case isLater(j.Due, j.Job.DueWritten(), time.Now()):
		note := fmt.Sprintf("%s; again at %s", j.Job.Reason(), j.Due.UTC().Format(time.RFC3339))
		return strings.TrimPrefix(note, "; ")
	}
	j.readTotal()
	return ""
}

// describeActive fills in the worker, the key and the progress of a file in active/.
func (s *Spool) describeActive(j *JobFile) {
	stem, worker, ok := tree.SplitActive(j.Name)
	if !ok {
		j.Note = "not a claim: move it to queue/ to have it fetched"
		return
	}
	j.Worker = worker
	if !strings.HasPrefix(stem, "batch-") && !key.IsOld(stem) {
		j.Key = stem
	}
	j.readTotal()
	j.Part = s.PartSize(j)
}

// readTotal takes the total from the log: the size that the origin promised last.
func (j *JobFile) readTotal() {
	if e, ok := j.Job.Newest(job.Start); ok {
		j.Total = e.Size
	}
}

// PartSize returns the bytes that an active job has fetched so far.
func (s *Spool) PartSize(j *JobFile) int64 {
	stem, worker, ok := tree.SplitActive(j.Name)
	var st unix.Stat_t
	if !ok || unix.Lstat(s.tree.Path("tmp", tree.PartName(stem, worker)), &st) != nil {
		return 0
	}
	return st.Size
}
