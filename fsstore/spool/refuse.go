package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// WhyNoJob says why a file can't be a job and what to do, or "".
func WhyNoJob(p job.File, b []byte, name string) string {
	switch {
	case len(b) > tree.MaxJobFile: //guard:TestGiantJobIsRefused
		return fmt.Sprintf("the file is larger than %d bytes: split it", tree.MaxJobFile)
	case len(p.Jobs) > 1 && len(b) > maxBatch && NewestEvent(b, job.Claim).Kind == "":
		// A file that was claimed before has the lines of that claim, too.
		return fmt.Sprintf("a file of many URLs may have %d bytes, because its log gets a line "+
			"for each: split it", maxBatch)
	case len(p.Jobs) == 0 && len(p.Bad) > 0:
		return fmt.Sprintf("line %d: %s", p.Bad[0].N, p.Bad[0].Why)
	case len(p.Jobs) == 0:
		return "the file holds no URL: its first line is one, http or https"
	case len(p.Bad) > 0 && !key.Valid(tree.StemOf(name)) && len(p.Jobs) == 1:
		return fmt.Sprintf("line %d: %s", p.Bad[0].N, p.Bad[0].Why)
	case len(p.Jobs) == 1: //guard:fsstore/active.TestOptionThatCannotBeTaken
		return WhyBadOption(&p.Jobs[0])
	}
	return ""
}

// WhyBadOption says which option of a job can't be taken, or "". Such a job is refused, because
// without the option it might fetch other bytes than the person asked for.
func WhyBadOption(j *job.Job) string {
	if len(j.Flaws) == 0 {
		return ""
	}
	f := j.Flaws[0]
	return fmt.Sprintf("line %d, %q, can't be taken: %s", f.N, f.Text, f.Why)
}

// Refuse moves a file that can't be a job to failed/ with the reason as its last line, or in a
// .why file beside it if the log can't be written.
func (s *Spool) Refuse(f *os.File, name, why string) error {
	if !tree.StillNames(f, s.tree.JobPath(tree.Queue, name)) {
		return nil
	}
	got, err := s.moveToEnded(s.tree.JobPath(tree.Queue, name), tree.Failed, tree.StemOf(name))
	if err != nil {
		return err
	}
	defer s.Arrived(tree.Failed, got) // with its last line
	s.tree.Log.Warn("a job was set aside", "job", "failed/"+got, "why", key.RedactText(why))
	e := job.Event{Time: tree.Now(), Kind: job.Failed, Count: 1, Text: why}
	info, err := f.Stat()
	if err == nil && info.Size() < tree.MaxJobFile {
		if _, err := f.WriteString("\n" + e.Line()); err == nil {
			return nil
		}
	}
	return s.writeWhy(got, why)
}

// RefuseUnreadable moves a file that the server may not read to failed/, with the reason in a .why
// file. Any other error it returns, because that is trouble of the disk or the process and not of
// the job.
func (s *Spool) RefuseUnreadable(name string, why error) error {
	if !errors.Is(why, fs.ErrPermission) {
		return why
	}
	got, err := s.moveToEnded(s.tree.JobPath(tree.Queue, name), tree.Failed, tree.StemOf(name))
	if err != nil {
		return err
	}
	defer s.Arrived(tree.Failed, got) // with its last line
	return s.writeWhy(got, "the server may not read this file: "+why.Error()+
		"; chmod it and move it back to queue/")
}

func (s *Spool) writeWhy(name, why string) error {
	line := job.Event{Time: tree.Now(), Kind: job.Failed, Count: 1, Text: why}.Line()
	err := s.tree.WriteNew(line, s.tree.JobPath(tree.Failed, name+".why"), false)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// What became of a URL of a list. The list's log says why of the last two.
const (
	KindQueued  job.Kind = "queued"  // it has a job of its own now
	KindSame    job.Kind = "same"    // it is the artifact of a URL above
	KindRefused job.Kind = "refused" // it is in failed/ with the reason
)

// maxBatch leaves room in tree.MaxJobFile for a line about each URL of a list.
const maxBatch = 512 << 10

// NewestEvent returns the newest event of these kinds in a file's log. In a list the log stands
// below one of the last URLs.
func NewestEvent(b []byte, kinds ...job.Kind) job.Event {
	for _, j := range slices.Backward(job.Parse(b).Jobs) {
		for _, e := range slices.Backward(j.Events) {
			if slices.Contains(kinds, e.Kind) {
				return e
			}
		}
		if len(j.Events) > 0 {
			break
		}
	}
	return job.Event{}
}
