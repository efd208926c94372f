package verbs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Addition is a URL to fetch without anyone having asked for it (a pre-seed).
type Addition struct {
	URL           string
	SHA256        string // expected digest, optional
	AcceptHTML    bool
	AcceptAny     bool
	AcceptHTTP    bool
	AcceptPrivate bool
}

// AdditionOf returns what a URL of a list asks for.
func AdditionOf(j *job.Job) Addition {
	a := Addition{
		URL: j.URL, SHA256: j.Sha256,
		AcceptHTML: j.AcceptHTML, AcceptAny: j.AcceptAny,
		AcceptHTTP: j.AcceptHTTP, AcceptPrivate: j.AcceptPrivate,
	}
	if fetch, err := key.FetchURL(j.URL); err == nil {
		a.URL = fetch
	}
	return a
}

// Add queues a URL, held or not, whether anybody asked for it or not, and returns the name of its
// job. A miss of the same key is approved with it; a job that waits already gets what it lacks of
// the addition. ErrBusy: the job that waits wants another digest, or the one that runs lacks what
// is asked for. ErrDenied: denied/ names the URL or its host.
func (s *Verbs) Add(a Addition, by spool.Operator) (string, error) {
	u, content, err := s.PrepareJob(a, by)
	if err != nil {
		return "", err
	}
	if a.URL, err = key.FetchURL(a.URL); err != nil {
		return "", err
	}
	id := s.spool.IDOf(u)
	return RetryIfMoved(u.Key(), func() (string, error) { return s.add(id, content, a, by) })
}

// add looks for the URL's job in the order of a job's states, because a job that moves meanwhile
// is then found in its next one. Where there is none it makes the job.
func (s *Verbs) add(id spool.ArtifactID, content string, a Addition, by spool.Operator) (
	string, error) {
	if k := s.spool.FindMiss(id); k != "" {
		if name, err := s.approve(k, "", a, by); !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
	}
	if name, err := s.CompleteQueued(id, a, by); !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	if name := s.spool.FindActive(id); name != "" {
		return name, s.checkActive(id, name, a)
	}
	return s.Enqueue(id.Names[0], content)
}

// PrepareJob checks an addition and returns the whole text of its job.
func (s *Verbs) PrepareJob(a Addition, by spool.Operator) (key.URL, string, error) {
	u, err := s.queries.Parse(a.URL)
	if err != nil {
		return u, "", err
	}
	if key.HasUserInfo(a.URL) { //guard:TestNoURLWithAPasswordIsAdded
		return u, "", fmt.Errorf("%w: it holds a user name or password; put credentials for %s into "+
			"the file %s of the --origins directory", key.ErrBadURL, u.Host(), u.Host())
	}
	if a.SHA256 != "" && !held.IsDigest(strings.ToLower(a.SHA256)) {
		return u, "", fmt.Errorf("%w: %.80q is not a SHA-256, which has 64 hexadecimal digits",
			spool.ErrInvalid, a.SHA256)
	}
	if name := s.spool.DenialOf(u); name != "" {
		return u, "", fmt.Errorf("%w: denied/%s denies this URL; remove that file to allow it",
			spool.ErrDenied, name)
	}
	fetch, err := key.FetchURL(a.URL)
	if err != nil {
		return u, "", err
	}
	return u, fetch + "\n" + OptionLines(a) + by.Event(job.Approve).Line(), nil
}

// ErrMoved is the error for a job that changed its state while it was looked at.
var ErrMoved = errors.New("the job moved on while it was looked at")

// RetryIfMoved calls do again while it returns ErrMoved, a few times, because a job that moved is
// found in its next state.
func RetryIfMoved(k string, do func() (string, error)) (string, error) {
	for range 5 {
		if name, err := do(); !errors.Is(err, ErrMoved) {
			return name, err
		}
	}
	return "", fmt.Errorf("%w: the job of %s keeps moving, or can't be read: see what is in queue/, "+
		"then add the URL again", spool.ErrBusy, k)
}

// Enqueue makes the job of key k in queue/. It returns ErrMoved where there is one by now.
func (s *Verbs) Enqueue(k, content string) (string, error) {
	name := k + ".job"
	err := s.tree.WriteNew(content, s.tree.JobPath(tree.Queue, name), true)
	if errors.Is(err, fs.ErrExist) {
		return "", ErrMoved
	}
	if err != nil {
		return "", err
	}
	return name, tree.SyncDir(s.tree.Path(string(tree.Queue), "")) //guard:fsstore/active.TestEachStepIsSynced
}

// CompleteQueued adds to the job in queue/ of id what it lacks of an addition.
func (s *Verbs) CompleteQueued(id spool.ArtifactID, a Addition, by spool.Operator) (string, error) {
	for i, k := range id.Names {
		for _, name := range []string{k + ".job", k} {
			if i > 0 && !s.spool.MatchesFile(id, tree.Queue, name) {
				continue // under an earlier server's name; under today's it is an error
			}
			if err := s.completeFile(id, name, a, by); !errors.Is(err, fs.ErrNotExist) {
				return name, err
			}
		}
	}
	return "", spool.Absent(tree.Queue, id.Names[0])
}

// completeFile writes what queue/<name> lacks of an addition, under the lock that a claim needs,
// because a claim reads the job once.
func (s *Verbs) completeFile(id spool.ArtifactID, name string, a Addition,
	by spool.Operator) error {
	f, err := tree.OpenJob(s.tree.JobPath(tree.Queue, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := tree.LockWait(f); errors.Is(err, tree.ErrLocked) {
		return ErrMoved // a claim has it
	} else if err != nil {
		return err
	}
	defer spool.UnlockQueued(f)
	if !tree.StillNames(f, f.Name()) {
		return ErrMoved
	}
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	lines, err := s.missingLines(b, id, name, a, by)
	if err != nil {
		return err
	}
	if lines != "" {
		err = spool.AppendWhole(f, lines) //guard:TestAddCompletesTheJobThatWaits
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: queue/%s was made by another user and can't be added to: "+
			"chmod g+w it, then add the URL again", spool.ErrBusy, name)
	}
	return errors.Join(err,
		f.Sync(), //guard:fsstore/active.TestEachStepIsSynced
		tree.SyncDir(s.tree.Path(string(tree.Queue), ""))) //guard:fsstore/active.TestEachStepIsSynced
}

// missingLines returns the lines that the job in queue/ with text b lacks of an addition: its
// options, and who approved which URL.
func (s *Verbs) missingLines(b []byte, id spool.ArtifactID, name string, a Addition,
	by spool.Operator) (string, error) {
	j := s.onlyJob(b, id)
	if j == nil {
		return "", fmt.Errorf("%w: queue/%s is no job of this URL alone: mend that file or move it "+
			"away, then add the URL again", spool.ErrBusy, name)
	}
	lack := MissingFrom(j, a)
	if lack.SHA256 != "" && j.Sha256 != "" { //guard:TestAddCompletesTheJobThatWaits
		return "", fmt.Errorf("%w: queue/%s waits for bytes with another sha256, %s: leave yours out, "+
			"or cancel that job first, then add the URL again", spool.ErrBusy, name, j.Sha256)
	}
	if lack == (Addition{}) && j.Approved() {
		return "", nil
	}
	e := by.Event(job.Approve)
	e.URL = a.URL // always: without it the line would approve what was recorded last
	return OptionLines(lack) + e.Line(), nil
}

// checkActive returns ErrBusy where the job active/<name> lacks what an addition asks for, because
// its claim has read it already.
func (s *Verbs) checkActive(id spool.ArtifactID, name string, a Addition) error {
	b, err := tree.ReadFile(s.tree.JobPath(tree.Active, name), tree.MaxJobFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrMoved
	}
	if err != nil {
		return err
	}
	if j := s.onlyJob(b, id); j != nil && MissingFrom(j, a) == (Addition{}) {
		return nil
	}
	return fmt.Errorf("%w: active/%s is being fetched now, by another URL of the artifact, or without "+
		"the sha256 or accept that you ask for: wait for it or cancel it first, then add the URL again",
		spool.ErrBusy, name)
}

// onlyJob returns the one job of a file if it is about id, else nil.
func (s *Verbs) onlyJob(b []byte, id spool.ArtifactID) *job.Job {
	jobs := job.Parse(b).Jobs
	if len(jobs) != 1 || !s.spool.MatchesJob(id, tree.Queue, &jobs[0]) {
		return nil
	}
	return &jobs[0]
}

// MissingFrom returns what a asks for that job j does not.
func MissingFrom(j *job.Job, a Addition) (lack Addition) {
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

// ApprovedMiss is the text b of a miss, and the lines that approve it as a asks.
func ApprovedMiss(b []byte, a Addition, by spool.Operator) string {
	e := by.Event(job.Approve)
	if fetch, err := key.FetchURL(a.URL); err == nil {
		e.URL = URLToLog(b, fetch)
	}
	return strings.TrimSuffix(string(b), "\n") + "\n" + OptionLines(a) + e.Line()
}

// OptionLines returns the lines that an addition puts below its URL.
func OptionLines(a Addition) string {
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
