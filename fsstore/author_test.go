package fsstore

import (
	"os"
	"testing"
)

// Whoever writes a URL into queue/ has approved it, and the log says so; of an mv
// nothing tells who did it, and nobody is named.
func TestAuthorIsTheOwner(t *testing.T) {
	s := testStore(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for name, c := range map[string]struct {
		uid  int
		want string
	}{"root.job": {0, "root"}, "daemon.job": {1, "daemon"}, "stranger.job": {123456, "uid-123456"}} {
		run(t, s.dir, "echo https://example.com/"+name+".run > tmp/"+name)
		if err := os.Chown(s.path("tmp", name), c.uid, -1); err != nil {
			t.Fatal(err)
		}
		run(t, s.dir, "mv tmp/"+name+" queue/")
		if e := mustClaim(t, s, waitDue(t, s, name)).Job.Approval(); e.Via != "shell" || e.Addr != c.want {
			t.Errorf("%s: approved by %q %q", name, e.Via, e.Addr)
		}
	}
	run(t, s.dir, "printf 'https://example.com/1.run\\nhttps://example.com/2.run\\n' > queue/list.job; chown 1 queue/list.job")
	if _, err := s.Claim(waitDue(t, s, "list.job")); err != nil {
		t.Fatal(err)
	}
	if e := mustClaim(t, s, keyOf(t, "https://example.com/2.run")+".job").Job.Approval(); e.Via != "batch" || e.Addr != "daemon" {
		t.Errorf("batch: approved by %q %q", e.Via, e.Addr)
	}
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "mv misses/"+keyOf(t, cudaURL)+" queue/")
	if e := claimNext(t, s).Job.Approval(); e.Via != "shell" || e.Addr != "" {
		t.Errorf("mv: approved by %q %q", e.Via, e.Addr)
	}
}
