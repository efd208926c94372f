package upkeep_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/upkeep"
)

const faultDir = "FROMCACHE_TEST_SCRUB"

// Each line has the disk answer one call on a blob as a bad one does. Nothing is
// judged by that: the blob stays where it is, and it is told at once.
func TestScrubOfABadDisk(t *testing.T) {
	if dir := os.Getenv(faultDir); dir != "" {
		scrubAndTell(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	for _, fault := range []string{
		"pread64:error=EIO", "pread64:error=EBADMSG", "pread64:error=ENOMEM",
		"openat:error=EIO", "openat:error=EACCES", "renameat2:error=EROFS",
	} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		says := "it can't be read"
		if strings.HasPrefix(fault, "renameat2") {
			storetest.Flip(t, s, a.SHA256)
			says = "could not be taken out of service"
		}
		path := storetest.Path(s, "blobs", a.SHA256)
		cmd := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "inject="+fault, os.Args[0], "-test.run=^TestScrubOfABadDisk$")
		cmd.Env = append(os.Environ(), faultDir+"="+s.Dir())
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), says) || !strings.Contains(string(out), upkeep.CantScrub) {
			t.Errorf("%s: %q was to be said: %v\n%s", fault, says, err, out)
		}
		if !tree.Exists(path) {
			t.Errorf("%s: out of service", fault)
		}
	}
}

func scrubAndTell(t *testing.T, dir string) {
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	newScrub(t, s).Round()
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still served: %v", err)
	}
	if f, _, err := s.Open(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still opened: %v, %v", f, err)
	}
	for _, p := range s.Problems() {
		fmt.Println(p)
	}
	for _, trouble := range s.Health() {
		fmt.Println(trouble.What)
	}
}

// A trouble lasts as long as its cause, and no round longer: what could not be
// done is tried again each hour.
func TestScrubTroubleIsOver(t *testing.T) {
	s := storetest.TestStore(t)
	bad := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Hold(t, s, "https://example.com/fine.run", "fine")
	storetest.Flip(t, s, bad.SHA256)
	for n := range 1000 { // no name is free
		name := strings.Replace(fmt.Sprintf("%s.%d.rotten", bad.SHA256, n+1), ".1.rotten", ".rotten", 1)
		if err := os.WriteFile(storetest.Path(s, "tmp", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := func(want bool) {
		t.Helper()
		if is := slices.ContainsFunc(s.Health(), func(t fsstore.Trouble) bool { return t.What == upkeep.CantScrub }); is != want {
			t.Errorf("it is told: %v", is)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		go s.Scrub(t.Context(), storetest.Fast)
		time.Sleep(time.Minute)
		told(true)
		if list := s.Problems(); len(list) != 1 || list[0].Path != "blobs/"+bad.SHA256 {
			t.Errorf("%+v", list)
		}
		storetest.Run(t, s.Dir(), "rm tmp/"+bad.SHA256+"*.rotten")
		time.Sleep(upkeep.AgainAfter)
		told(false)
		if list := s.Problems(); len(list) != 1 || list[0].Path != "meta/"+bad.Key+".json" {
			t.Errorf("%+v", list)
		}
	})
}
