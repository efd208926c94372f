package spool_test

import (
	"os"
	"testing"

	"fromcache/fsstore/internal/storetest"
)

// Whoever writes a URL into queue/ has approved it, and the log says so; of an mv
// nothing tells who did it, and nobody is named.
func TestAuthorIsTheOwner(t *testing.T) {
	s := storetest.TestStore(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for name, c := range map[string]struct {
		uid  int
		want string
	}{"root.job": {0, "root"}, "daemon.job": {1, "daemon"}, "stranger.job": {123456, "uid-123456"}} {
		storetest.Run(t, s.Dir(), "echo https://example.com/"+name+".run > tmp/"+name)
		if err := os.Chown(storetest.Path(s, "tmp", name), c.uid, -1); err != nil {
			t.Fatal(err)
		}
		storetest.Run(t, s.Dir(), "mv tmp/"+name+" queue/")
		if e := storetest.MustClaim(t, s, storetest.WaitDue(t, s, name)).Job.Approval(); e.Via != "shell" || e.Addr != c.want {
			t.Errorf("%s: approved by %q %q", name, e.Via, e.Addr)
		}
	}
	storetest.Run(t, s.Dir(), "printf 'https://example.com/1.run\\nhttps://example.com/2.run\\n' > queue/list.job; chown 1 queue/list.job")
	if _, err := s.Claim(storetest.WaitDue(t, s, "list.job")); err != nil {
		t.Fatal(err)
	}
	if e := storetest.MustClaim(t, s, storetest.KeyOf(t, "https://example.com/2.run")+".job").Job.Approval(); e.Via != "batch" || e.Addr != "daemon" {
		t.Errorf("batch: approved by %q %q", e.Via, e.Addr)
	}
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "mv misses/"+storetest.KeyOf(t, storetest.CudaURL)+" queue/")
	if e := storetest.ClaimNext(t, s).Job.Approval(); e.Via != "shell" || e.Addr != "" {
		t.Errorf("mv: approved by %q %q", e.Via, e.Addr)
	}
}
