package tree_test

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// A tree that has lost a half is refused with or without its README, before
// anything is made: the half may be on its way back.
func TestOpenMakesNoHalfOfWhatIsHeld(t *testing.T) {
	for script, gone := range map[string]string{
		"mv meta ..":             "meta",
		"mv blobs ..":            "blobs",
		"rm README; mv meta ..":  "meta",
		"rm README; mv blobs ..": "blobs",
		"rm README; mv meta ..; rmdir misses tmp hits": "meta",
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "x")
		storetest.Run(t, s.Dir(), "find . | sort > ../full; "+script+"; find . | sort > ../before")
		if _, err := fsstore.Open(s.Dir(), fsstore.Options{}); err == nil || !strings.Contains(err.Error(), "/"+gone+" is gone") {
			t.Errorf("%s: %v", script, err)
		}
		storetest.Run(t, s.Dir(), "find . | sort | cmp - ../before")
	}
}

// Operators are in the server's group, whatever its umask: their verbs read the
// README before anything else.
func TestReadmeIsTheGroups(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	s := storetest.TestStore(t)
	if info, err := os.Stat(s.Dir() + "/README"); err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A first start makes blobs/, meta/, the rest, and the README last: killed
// after any of these steps, or with one of them lost, it begins again.
func TestAFirstStartIsBegunAgain(t *testing.T) {
	for n := range len(tree.Directories) + 1 {
		for _, made := range [][]string{tree.Directories[:n], tree.Directories[n:]} {
			dir := t.TempDir()
			storetest.Run(t, dir, "mkdir -p "+strings.Join(append([]string{"data"}, made...), " data/"))
			if slices.Contains(made, "tmp") {
				storetest.Run(t, dir, "echo fromcache > data/tmp/.new-0123456789abcdef")
			}
			s := storetest.OpenAt(t, dir+"/data", fsstore.Options{})
			storetest.Run(t, s.Dir(), "head -1 README | grep -qx 'fromcache data 1'")
			if len(s.Remade()) > 0 {
				t.Errorf("%v: a first start says what was gone: %v", made, s.Remade())
			}
		}
	}
}

// A README that was lost or damaged is no other layout and no other's
// directory: the refusal says what stands in the way, and doing as it says
// opens the tree.
func TestOpenSaysHowREADMEComesBack(t *testing.T) {
	for _, c := range []struct{ script, says, mend string }{
		{": > README", "README has an empty first line, so it is damaged: remove it and start again", "rm README"},
		{": > README", `whose first line is "fromcache data 1"`, "echo fromcache data 1 > README"},
		{"head -c 9999 /dev/zero > README", `begins with "\x00`, "rm README"},
		{"echo fromcache data one > README", `begins with "fromcache data one", so it is damaged`, "sed -i '1s/.*/fromcache data 1/' README"},
		{"rm README; mkfifo README", "README is a FIFO, so", "rm README"},
		{"rm README; ln -s nowhere README", "README is a link, so", "rm README"},
		{"rm README; mkdir README", "README is a directory, so", "rmdir README"},
		{"rm README; touch a b", `has lost its README, and holds what is no part of it: move "a" "b" away and start again`, "rm a b"},
		{"rm README; touch a b", `whose first line is "fromcache data 1"`, "echo fromcache data 1 > README"},
		{"rm README; touch 1 2 3 4 5 6 7", `"5" and 2 more`, "rm ?"},
		{": > README; touch a", `remove it, move "a" away and start again`, "rm README a"},
		{": > README; mv meta ..", "remove it and start again", "rm README; mv ../meta ."},
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "x")
		storetest.Run(t, s.Dir(), c.script)
		if _, err := fsstore.Open(s.Dir(), fsstore.Options{}); err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 500 {
			t.Errorf("%s: it was to say %q: %v", c.script, c.says, err)
		}
		storetest.Run(t, s.Dir(), c.mend)
		if _, err := storetest.OpenAt(t, s.Dir(), fsstore.Options{}).Lookup(storetest.CudaURL); err != nil {
			t.Errorf("%s, then %s: %v", c.script, c.mend, err)
		}
	}
}

func TestOpenSaysWhatItMadeAgain(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "x")
	storetest.Run(t, s.Dir(), "rmdir misses tmp; rm README")
	log := &bytes.Buffer{}
	s = storetest.OpenAt(t, s.Dir(), fsstore.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if got := s.Remade(); !slices.Equal(got, []string{"misses/", "tmp/", "README"}) {
		t.Errorf("made again: %v", got)
	}
	if n := strings.Count(log.String(), "was made again"); n != 3 {
		t.Errorf("the log says %d of 3:\n%s", n, log)
	}
	if got := storetest.OpenAt(t, s.Dir(), fsstore.Options{}).Remade(); len(got) > 0 {
		t.Errorf("made again in a whole tree: %v", got)
	}
}

func TestSubdirectoryOnAnotherFileSystem(t *testing.T) {
	dir := t.TempDir()
	elsewhere, err := os.Stat("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.PrepareSub(dir, elsewhere); err == nil || !strings.Contains(err.Error(), "another file system") {
		t.Error(err)
	}
}

// A server killed while it makes a new tree leaves one that can be opened.
func TestOpenCompletesAHalfMadeTree(t *testing.T) {
	for _, script := range []string{"mkdir d", "mkdir d d/blobs", "mkdir -p d/tmp; echo x > d/tmp/.new-1", "mkdir -p d/meta; echo 1234567890123456789012345678901234 > d/session-secret"} {
		dir := t.TempDir()
		storetest.Run(t, dir, script)
		s := storetest.OpenAt(t, dir+"/d", fsstore.Options{})
		storetest.Run(t, s.Dir(), "test \"$(head -1 README)\" = 'fromcache data 1'; test ! -e .README*")
	}
}
