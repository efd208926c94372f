package verbs_test

import (
	"errors"
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// A verb's name leads nowhere else.
func TestVerbsStayInTheirDirectories(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > ../x.job; cp ../x.job ../x.json; cp ../x.job ../x")
	before := fmt.Sprint(storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Failed), storetest.Ls(t, s, fsstore.Cancelled), storetest.Ls(t, s, fsstore.Done))
	for verb, do := range map[string]func(string, fsstore.Operator) error{"approve": storetest.ApproveOne(s), "dismiss": s.Dismiss, "cancel": s.Cancel, "retry": s.Retry, "evict": s.Evict, "allow": s.Allow} {
		for _, name := range []string{"../../x", "../../x.job", "../done/" + k, "../done/" + k + ".job"} {
			if err := do(name, storetest.Operator); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s %s: %v", verb, name, err)
			}
		}
	}
	for _, name := range []string{"../../x", "../../x.job", "../done/" + k} {
		if err := s.Deny(name, storetest.Operator); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("deny %s: %v", name, err)
		}
	}
	storetest.Run(t, s.Dir(), "test -f ../x -a -f ../x.job -a -f ../x.json")
	if after := fmt.Sprint(storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Failed), storetest.Ls(t, s, fsstore.Cancelled), storetest.Ls(t, s, fsstore.Done)); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// A verb writes nothing to a file that has a second name. Where the line decides what is fetched it
// is refused, and says what to do; a move needs no line.
func TestVerbsWriteToNoHardLink(t *testing.T) {
	for name, c := range map[string]struct {
		in      fsstore.State
		verb    func(s *fsstore.Store, k string) error
		refused bool
	}{
		"approve": {fsstore.Misses, func(s *fsstore.Store, k string) error { return s.Approve(k, "", storetest.Operator) }, true},
		"add": {fsstore.Queue, func(s *fsstore.Store, _ string) error {
			_, err := s.Add(fsstore.Addition{URL: storetest.CudaURL, SHA256: storetest.DigestOf("x")}, storetest.Operator)
			return err
		}, true},
		"cancel": {fsstore.Queue, func(s *fsstore.Store, k string) error { return s.Cancel(k, storetest.Operator) }, false},
		"deny":   {fsstore.Queue, func(s *fsstore.Store, k string) error { return s.Deny(k+".job", storetest.Operator) }, false},
		"retry":  {fsstore.Failed, func(s *fsstore.Store, k string) error { return s.Retry(k, storetest.Operator) }, false},
	} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		file := map[fsstore.State]string{fsstore.Misses: k}[c.in]
		if file == "" {
			file = k + ".job"
		}
		text := storetest.CudaURL + "\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8\n"
		storetest.Must(t, os.WriteFile(s.Dir()+"/../outside", []byte(text), 0o604))
		storetest.Must(t, os.Chmod(s.Dir()+"/../outside", 0o604))
		storetest.Must(t, os.Link(s.Dir()+"/../outside", storetest.JobPath(s, c.in, file)))
		if err := c.verb(s, k); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "cp it to a name with a dot") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(s.Dir() + "/../outside"); err != nil || string(b) != text {
			t.Errorf("%s: outside stands %q, %v", name, b, err)
		}
		storetest.Run(t, s.Dir(), `test "$(stat -c %a ../outside)" = 604`)
	}
}
