package operate

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"fromcache/fsstore"
)

// Local is a Cache on a Store.
type Local struct {
	Store *fsstore.Store
	By    fsstore.Operator // whom the jobs' logs name
	View  *fsstore.View    // what a server has in memory, to sum by; nil: files are read
}

var _ Cache = (*Local)(nil)

// Spool is every directory of jobs, in the order in which a job walks through them.
var Spool = [...]fsstore.State{
	fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
}

// Jobs lists a directory of the spool, by name.
func (l *Local) Jobs(_ context.Context, st fsstore.State, p Page) (JobList, error) {
	list := JobList{Jobs: []Job{}}
	rows := p.rows
	var names []string
	var err error
	if l.View != nil && st == fsstore.Done {
		names, rows = l.View.EndedAfter(p.After, p.looked()), p.someRows
	} else if names, err = l.Store.JobNames(st); err != nil {
		return list, err
	}
	list.Next, err = rows(names, func(name string) (bool, error) {
		j, err := l.Store.JobFile(st, name)
		if err != nil || !p.matches(name, j.Key) {
			return false, nil // it moved on, or was listed as what it is not
		}
		list.Jobs = append(list.Jobs, Describe(&j))
		return true, nil
	})
	return list, err
}

// Job returns one file of the spool, with its log.
func (l *Local) Job(_ context.Context, st fsstore.State, name string) (Job, error) {
	j, err := l.Store.JobFile(st, name)
	if err != nil {
		return Job{}, err
	}
	text, err := l.Store.Log(st, name)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return Job{}, err
	}
	r := Describe(&j)
	r.addLog(string(text))
	return r, nil
}

// Names returns the names of the files of a URL in these directories, or of its artifact where none
// is given; the first is today's key, whether its file exists or not.
func (l *Local) Names(_ context.Context, url string, in []fsstore.State) ([]string, error) {
	return l.Store.NamesOf(url, in...)
}

// Approve approves the URL of a miss that has this sum.
func (l *Local) Approve(_ context.Context, m fsstore.Shown) error {
	return l.Store.Approve(m.Name, m.Sum, l.By)
}

// Dismiss removes a miss, or a job that has ended; "" is any directory.
func (l *Local) Dismiss(_ context.Context, st fsstore.State, name string) error {
	return l.Store.DismissIn(st, name, l.By)
}

// Deny denies a key, a host, or *.domain.
func (l *Local) Deny(_ context.Context, name string) error { return l.Store.Deny(name, l.By) }

// Allow takes a denial back.
func (l *Local) Allow(_ context.Context, name string) error { return l.Store.Allow(name, l.By) }

// Cancel stops a job that waits or runs.
func (l *Local) Cancel(_ context.Context, name string) error { return l.Store.Cancel(name, l.By) }

// Retry queues a job that has ended again; "" is any directory.
func (l *Local) Retry(_ context.Context, st fsstore.State, name string, more Addition) error {
	return l.Store.RetryWith(st, name, more.stored(), l.By)
}

// Clear removes the jobs in done/ and cancelled/, and returns how many.
func (l *Local) Clear(context.Context) (int, error) { return l.Store.Clear(l.By) }

// Evict removes an artifact.
func (l *Local) Evict(_ context.Context, key string) error { return l.Store.Evict(key, l.By) }

// Add queues a URL.
func (l *Local) Add(_ context.Context, a Addition) (string, error) {
	return l.Store.Add(a.stored(), l.By)
}

// Put holds what from brings as the artifact of a URL; see fsstore's Put.
func (l *Local) Put(_ context.Context, a Addition, from io.Reader, size int64, progress func(int64) error) (Artifact, error) {
	held, err := l.Store.Put(a.stored(), from, size, l.By, progress)
	if held == nil {
		return Artifact{}, err
	}
	return l.withHits(held), nil
}
