package fsstore

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	badPartDir = "FROMCACHE_TEST_BAD_PART"
	badWorker  = "0123456789abcdef" // who reads the part, and whose name it has by then
)

// TestAPartWithABadSpot: what the disk does not give back is fetched again, from
// the start.
func TestAPartWithABadSpot(t *testing.T) {
	if dir := os.Getenv(badPartDir); dir != "" {
		resumeBadPart(t, openAt(t, dir, Options{}))
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	for _, fault := range []string{"EIO", "EUCLEAN", "EBADMSG"} {
		s := testStore(t)
		c := mustClaim(t, s, add(t, s, cudaURL))
		p, err := c.Part(t.Context(), false)
		must(err)
		must(c.Start(Started{Size: 9, ETag: `"a"`}))
		p.Write([]byte("half"))
		must(c.PutBack("stopped"))
		path := s.path("tmp", partName(c.Key, badWorker))
		cmd := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "inject=pread64:error="+fault, os.Args[0], "-test.run=^TestAPartWithABadSpot$")
		cmd.Env = append(os.Environ(), badPartDir+"="+s.dir)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "it has 0 bytes") {
			t.Errorf("%s: %v\n%s", fault, err, out)
		}
		if a, err := s.Lookup(cudaURL); err != nil || a.SHA256 != digestOf("the whole") {
			t.Errorf("%s: %+v, %v", fault, a, err)
		}
		run(t, s.dir, "test -z \"$(ls tmp)\"")
		sound(t, s)
	}
}

func resumeBadPart(t *testing.T, s *Store) {
	c := claimNext(t, s)
	c.Worker = badWorker
	p, err := c.Part(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("it has", p.Size(), "bytes", string(p.Head()))
	p.Write([]byte("the whole"))
	if _, err := c.Publish(p, Origin{}); err != nil {
		t.Fatal(err)
	}
}
