package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"fromcache/fsstore"
)

// TestRestore: when a blob is lost and the origin has replaced the file since, nobody gets the new one unasked: the job
// fails and says what to do, and the retry that it speaks of does it.
func TestRestore(t *testing.T) {
	var replaced atomic.Bool
	o := newLying(t, func(w *wire) {
		if replaced.Load() {
			w.ok(other)
			return
		}
		w.ok(body)
	})
	l := newLab(t, Options{})
	url := o.url + "/f.run"
	k := l.add(fsstore.Addition{URL: url})
	l.drive()
	lose := func() {
		a, err := l.s.Lookup(url)
		if err == nil {
			err = os.Remove(filepath.Join(l.dir, "blobs", a.SHA256))
		}
		if err == nil {
			_, err = l.s.Fsck(t.Context(), fsstore.FsckOptions{Repair: true})
		}
		if err != nil {
			t.Fatal(err)
		}
		l.drive()
	}
	if lose(); !bytes.Equal(l.held(url), body) {
		t.Error("the same bytes did not come back")
	}
	replaced.Store(true)
	lose()
	if st, reason := l.state(k); st != fsstore.Failed || !strings.Contains(reason, "retry") || !strings.Contains(reason, "fromcache put") || l.held(url) != nil {
		t.Errorf("the origin has other bytes: %s: %s", st, reason)
	}
	if err := l.s.Retry(k+".job", fsstore.By{Via: "cli"}); err != nil {
		t.Fatal(err)
	}
	if l.drive(); !bytes.Equal(l.held(url), other) {
		t.Error("a person's retry did not take them")
	}
}
