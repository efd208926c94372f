package operate

import (
	"context"
	"path"
	"strings"
	"time"

	"fromcache/fsstore"
)

// LogWish says what of the logs of all jobs is wanted.
type LogWish struct {
	Match  string    // a glob that the key or the file's name matches whole, or a URL; "": any
	Since  time.Time // none from before; zero: from the beginning
	Last   int       // the newest so many; 0: all
	All    bool      // also what workers write for themselves
	Follow bool      // and then what comes, until the context ends
}

// Log calls tell with what happened, newest last; where that is followed, with what comes, too. An
// error of tell ends it.
func (l *Local) Log(ctx context.Context, w LogWish, tell func([]fsstore.JournalEntry) error) error {
	f := fsstore.JournalFilter{Match: w.Match, Since: w.Since, Last: w.Last, Workers: w.All}
	if strings.Contains(w.Match, "://") {
		u, err := l.Store.Parse(w.Match)
		if err != nil {
			return err
		}
		f.Match = u.Key()
	}
	if _, err := path.Match(f.Match, ""); err != nil {
		return err
	}
	if w.Follow {
		return l.Store.Journal().Follow(ctx, f, tell)
	}
	list, err := l.Store.Journal().Entries(f)
	if err != nil {
		return err
	}
	return tell(list)
}
