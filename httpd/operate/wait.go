package operate

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"fromcache/fsstore"
)

// lookEvery is how often Await looks: three files, and a listing of active/.
const lookEvery = 200 * time.Millisecond

// Await returns the job that the key or file name in queue/ led to, with its log: once it has
// ended, or as it is when ctx ends.
func (l *Local) Await(ctx context.Context, name string) (Job, error) {
	j, err := l.Now(ctx, name)
	if err != nil || j.hasEnded() {
		return j, err
	}
	name = cmp.Or(j.Key, name) // the file may be another by and by
	for missed := 0; ; {
		st, at := l.underWay(name)
		if at == "" {
			missed++ // it may have moved between two looks
		} else {
			missed = 0
		}
		if missed > 1 {
			return l.ended(ctx, name)
		}
		select {
		case <-ctx.Done():
			if at == "" {
				return l.ended(ctx, name)
			}
			return l.Job(ctx, st, at)
		case <-time.After(lookEvery):
		}
	}
}

// hasEnded reports whether nothing more becomes of the job by itself.
func (r *Job) hasEnded() bool { return r.State != fsstore.Queue && r.State != fsstore.Active }

// Now returns the job that the key or file name in queue/ led to, as it is.
func (l *Local) Now(ctx context.Context, name string) (Job, error) {
	for range 3 {
		if st, at := l.underWay(name); at != "" {
			if j, err := l.Job(ctx, st, at); !errors.Is(err, fs.ErrNotExist) {
				return j, err
			}
		}
	}
	return l.ended(ctx, name)
}

// underWay returns the file in queue/ or active/, or "".
func (l *Local) underWay(name string) (fsstore.State, string) {
	k := strings.TrimSuffix(name, ".job")
	for _, at := range []string{name, k + ".job", k} {
		if _, err := l.Store.JobFile(fsstore.Queue, at); err == nil {
			return fsstore.Queue, at
		}
	}
	return fsstore.Active, l.Store.FindActiveByKey(k)
}

// ended returns the job of that name that ended last.
func (l *Local) ended(ctx context.Context, name string) (newest Job, err error) {
	err = fs.ErrNotExist
	for _, st := range []fsstore.State{fsstore.Done, fsstore.Failed, fsstore.Cancelled} {
		j, e := l.Job(ctx, st, strings.TrimSuffix(name, ".job")+".job")
		if e == nil && (err != nil || j.At != nil && (newest.At == nil || j.At.After(*newest.At))) {
			newest, err = j, nil
		}
	}
	return newest, err
}
