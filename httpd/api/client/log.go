package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

const (
	// followFor is how long the server lets one answer go on, in seconds.
	followFor = 600
	// followPause is the time between two answers.
	followPause = time.Second
	// restartPatience is how long a log that is followed waits for a server that is restarted.
	restartPatience = 30 * time.Second
	// maxLogLine is the longest line that is read, in bytes. A job's line has less than 10 KiB, of
	// which JSON makes six times as much at most.
	maxLogLine = 1 << 20
	// maxTold is how many entries are kept before they are told.
	maxTold = 1000
)

var (
	errLongLine  = errors.New("it has a line of more than 1 MiB, which no log has")
	errManyLines = errors.New("it has more lines than were asked for")
)

// Log calls tell with what happened, and where that is followed, with what comes.
func (c *Client) Log(ctx context.Context, w operate.LogWish, tell func([]fsstore.JournalEntry) error) error {
	if strings.Contains(w.Match, "://") {
		if err := checkURL(w.Match); err != nil {
			return err
		}
	}
	l := &logReader{c: c, wish: w, tell: tell, same: map[string]int{}}
	var err error
	if w.Follow && w.Last > 0 {
		err = l.begin(ctx)
	}
	if err == nil && l.told == nil {
		err = l.read(ctx)
	}
	for w.Follow && l.told == nil && ctx.Err() == nil && !errors.Is(err, errLongLine) {
		if err != nil && (l.answered.IsZero() || time.Since(l.answered) > restartPatience) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(followPause):
			err = l.read(ctx)
		}
	}
	switch {
	case l.told != nil:
		return l.told
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// logReader reads a log in one answer after the other.
type logReader struct {
	c        *Client
	wish     operate.LogWish
	tell     func([]fsstore.JournalEntry) error
	told     error     // of tell
	answered time.Time // when the server was heard last
	newest   time.Time
	same     map[string]int // the lines of that time, which the next answer begins with
}

// maxLast is how many lines the server tells at most where not all are wanted.
const maxLast = 1_000_000

// begin tells the newest lines that are wanted, and remembers all of their newest second, because
// the answers that follow begin with those, the ones that were left out too.
func (l *logReader) begin(ctx context.Context) error {
	for last := min(l.wish.Last+1, maxLast); ; last = min(2*last, maxLast) {
		var list []fsstore.JournalEntry
		w := l.wish
		w.Last, w.Follow = last, false
		first := &logReader{c: l.c, wish: w, same: map[string]int{}, tell: func(more []fsstore.JournalEntry) error {
			if list = append(list, more...); len(list) > last {
				return errManyLines
			}
			return nil
		}}
		if err := first.read(ctx); err != nil {
			return err
		}
		if len(list) < last || list[0].Time.Before(first.newest) || last == maxLast {
			l.newest, l.same, l.answered = first.newest, first.same, first.answered
			l.told = l.tell(list[max(0, len(list)-l.wish.Last):])
			l.wish.Last = 0
			return nil
		}
	}
}

// read reads one answer.
func (l *logReader) read(ctx context.Context) error {
	q := url.Values{"last": {strconv.Itoa(l.wish.Last)}}
	if l.wish.Match != "" {
		q.Set("match", l.wish.Match)
	}
	if l.wish.All {
		q.Set("all", "true")
	}
	since := l.wish.Since
	if !l.newest.IsZero() {
		since = l.newest
		q.Set("last", "0")
	}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	r := request{method: http.MethodGet, path: "log", query: q, read: l.lines}
	if l.wish.Follow {
		r.prefer = "wait=" + strconv.Itoa(followFor)
	}
	return l.c.do(ctx, r)
}

// lines tells what comes, many lines at once where they are there. Only a whole line is a sign of
// life.
func (l *logReader) lines(from io.Reader, postpone postpone) error {
	old := maps.Clone(l.same)
	in := bufio.NewReaderSize(from, maxLogLine)
	var list []fsstore.JournalEntry
	for {
		line, err := in.ReadSlice('\n')
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			var e fsstore.JournalEntry
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			if l.isNew(&e, old) {
				list = append(list, e)
			}
		}
		if !errors.Is(err, errSilent) {
			l.answered = time.Now()
			postpone(patience)
		}
		if in.Buffered() == 0 || err != nil || len(list) == maxTold {
			if l.told = l.tell(list); l.told != nil {
				return l.told
			}
			list = list[:0]
		}
		switch {
		case err == bufio.ErrBufferFull:
			return errLongLine
		case err == io.EOF && len(line) > 0:
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// isNew reports whether an entry was not told before, of which old has those of the newest time.
func (l *logReader) isNew(e *fsstore.JournalEntry, old map[string]int) bool {
	id := e.Key + "\n" + e.Text
	if e.Time.Equal(l.newest) && old[id] > 0 {
		old[id]--
		return false
	}
	if e.Time.After(l.newest) {
		l.newest, l.same = e.Time, map[string]int{}
	}
	if e.Time.Equal(l.newest) {
		l.same[id]++
	}
	return true
}
