package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// unfit says why a file can't be a job, in words that say what to do.
func unfit(p job.File, b []byte, name string) string {
	switch {
	case len(b) > maxJobFile:
		return fmt.Sprintf("the file is larger than %d bytes: split it", maxJobFile)
	case len(p.Jobs) > 1 && len(b) > maxBatch && newestOf(b, job.Claim).Kind == "": // one that a claim has begun has its lines in it
		return fmt.Sprintf("a file of many URLs may have %d bytes, for its log says what became of it: split it", maxBatch)
	case len(p.Jobs) == 0 && len(p.Bad) > 0:
		return fmt.Sprintf("line %d: %s", p.Bad[0].N, p.Bad[0].Why)
	case len(p.Jobs) == 0:
		return "the file holds no URL: its first line is one, http or https"
	case len(p.Bad) > 0 && !key.Valid(stemOf(name)) && len(p.Jobs) == 1:
		return fmt.Sprintf("line %d: %s", p.Bad[0].N, p.Bad[0].Why)
	case len(p.Jobs) == 1:
		return flaw(&p.Jobs[0])
	}
	return ""
}

// flaw says which option of a job can't be taken. Without it other bytes, or more
// of them, would do than the person who wrote it asked for.
func flaw(j *job.Job) string {
	if len(j.Flaws) == 0 {
		return ""
	}
	f := j.Flaws[0]
	return fmt.Sprintf("line %d, %q, can't be taken: %s", f.N, f.Text, f.Why)
}

// refuse puts a job that can't be one into failed/, with the reason as its
// last line, or beside it where we may not write.
func (s *Store) refuse(f *os.File, name, why string) error {
	if !same(f, s.job(Queue, name)) {
		return nil
	}
	got, err := s.moveEnded(s.job(Queue, name), Failed, stemOf(name))
	if err != nil {
		return err
	}
	s.log.Warn("a job was set aside", "job", "failed/"+got, "why", key.RedactText(why))
	e := job.Event{Time: now(), Kind: job.Failed, Count: 1, Text: why}
	info, err := f.Stat()
	if err == nil && info.Size() < maxJobFile {
		if _, err := f.WriteString("\n" + e.Line()); err == nil {
			return nil
		}
	}
	return s.writeWhy(got, why)
}

// setAside moves a file that can't even be read, with the reason beside it.
func (s *Store) setAside(name string, why error) error {
	if !errors.Is(why, fs.ErrPermission) {
		return why // EIO, EMFILE: the disk's or the process's trouble, not the job's
	}
	got, err := s.moveEnded(s.job(Queue, name), Failed, stemOf(name))
	if err != nil {
		return err
	}
	return s.writeWhy(got, "the server may not read this file: "+why.Error()+"; chmod it and move it back to queue/")
}

func (s *Store) writeWhy(name, why string) error {
	line := job.Event{Time: now(), Kind: job.Failed, Count: 1, Text: why}.Line()
	err := s.publishNew(line, s.job(Failed, name+".why"), false)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
