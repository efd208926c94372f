package fsstore

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Each line of the table does one thing to a sound tree, and fsck must find
// that one thing, and nothing else. left is what is there after a repair.
func TestFsckFindsEachProblem(t *testing.T) {
	k := keyOf(t, cudaURL)
	blob := digestOf("bytes")
	other := "https://example.com/other.run"
	for _, c := range []struct{ script, path, text, left string }{
		{"rm blobs/" + blob, "meta/" + k + ".json", "is missing", ""},
		{"chmod 644 blobs/*; printf Bytes > blobs/" + blob, "blobs/" + blob, "its 5 bytes have the SHA-256", ""},
		{"chmod 644 blobs/*; printf byte > blobs/" + blob, "blobs/" + blob, "its 4 bytes have the SHA-256", ""},
		{"sed -i 's/\"size\": 5/\"size\": 7/' meta/*", "meta/" + k + ".json", "it says 7 bytes, and its blob has 5", ""},
		{"cp blobs/" + blob + " blobs/.x; touch -d '2 days ago' blobs/.x", "blobs/.x", "broken off", "same"},
		{"echo x > blobs/README", "blobs/README", "its name is no SHA-256", "blobs/README"},
		{"echo '{' > meta/" + k + ".json", "meta/" + k + ".json", "malformed", ""},
		{"cp meta/" + k + ".json meta/" + keyOf(t, other) + ".json", "meta/" + keyOf(t, other) + ".json", "of two URLs", "same"},
		{"echo x > meta/notes.txt", "meta/notes.txt", "does not end in .json", "same"},
		{"ln -s /etc/passwd queue/x.job", "queue/x.job", "not a regular file", "same"},
		{"mkfifo misses/x", "misses/x", "not a regular file", "same"},
		{"mkdir hits/x", "hits/x", "not a regular file", "same"},
		{"mkdir notes", "notes", "not a part of a data directory", "same"},
		{"ln done/* failed/x.job", "failed/x.job", "the same file is also done/" + k + ".job", "same"},
		{"ln meta/" + k + ".json ../outside", "meta/" + k + ".json", "2 names", "same"},
		{"echo hello > failed/x.job", "", "", ""}, // failed/ is where such a file belongs
		{"echo hello > done/x.job", "done/x.job", "no URL", "same"},
		{"printf 'hello\n' > queue/x.job", "queue/x.job", "no URL", ""}, // the claim puts it into failed/,
		{"echo " + other + " > queue/x.txt", "queue/x.txt", "ignored", "same"},
		{"echo " + other + " > misses/x", "misses/x", "another URL", "same"},
		{"echo " + other + " > active/x.job", "active/x.job", "not a claim's name", "same"},
		{"echo " + other + " > active/" + keyOf(t, other) + "@0123456789abcdef.job", "active/", "an orphan", ""},
		{"echo many > hits/" + k, "hits/" + k, "not a number", "same"},
		{": > misses/" + keyOf(t, other), "misses/" + keyOf(t, other), "empty", ""},
		{"head -c 99 /dev/zero > misses/" + keyOf(t, other), "misses/" + keyOf(t, other), "empty", ""},
		{"touch denied/example.com--libc++.deb--0123456789abcdef.job", "", "", ""}, // as mv leaves it
		{"touch 'denied/A B'", "denied/A B", "denies nothing", "same"},
		{"echo x > failed/x.job.why", "failed/x.job.why", "a job that is not there", "same"},
		{"echo x > tmp/mine", "tmp/mine", "not a name of ours", "same"},
	} {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		run(t, s.dir, c.script)
		found := fsck(t, s, FsckOptions{})
		if c.path == "" {
			if len(found) != 0 {
				t.Errorf("%s: %+v", c.script, found)
			}
			continue
		}
		if !names(found, c.path, c.text) {
			t.Errorf("%s: found %+v", c.script, found)
		}
		mends(t, s, c.script, c.left)
	}
}

func fsck(t *testing.T, s *Store, o FsckOptions) []Problem {
	t.Helper()
	r, err := s.Fsck(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Problems
}

// names reports whether every problem has to do with path, and one says text.
func names(list []Problem, path, text string) bool {
	said := false
	for _, p := range list {
		said = said || strings.HasPrefix(p.Path, path) && strings.Contains(p.Text, text)
		if p.Do == "" || strings.ContainsAny(p.Path+p.Text+p.Do, "\n\r") {
			return false
		}
	}
	return said && len(list) <= 2 // a blob, and the meta that needs it
}

// mends repairs, fetches what is lost, and looks at what is left.
func mends(t *testing.T, s *Store, what, left string) {
	t.Helper()
	before := bytesIn(t, s)
	fsck(t, s, FsckOptions{Repair: true})
	retryLost(t, s)
	for b := range before {
		if after := bytesIn(t, s); !after[b] {
			t.Errorf("%s: repair deleted the only copy of %q", what, b)
		}
	}
	s.queue.files.reset() // else a person's file is to stand still for 2 s
	for _, name := range ls(t, s, Queue) {
		if c, err := s.Claim(name); err == nil && c != nil {
			publish(t, c, "bytes")
		}
	}
	if found := fsck(t, s, FsckOptions{}); (len(found) > 0) != (left != "") {
		t.Errorf("%s: after the repair: %+v", what, found)
	}
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Errorf("%s: after the repair: %v", what, err)
	}
}

// bytesIn is the set of contents of all files but meta and the log of jobs,
// of which repair may write new ones.
func bytesIn(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, dir := range []string{"blobs", "tmp"} {
		list, err := os.ReadDir(s.path(dir, ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			b, err := os.ReadFile(s.path(dir, e.Name()))
			if err == nil {
				all[string(b)] = true
			}
		}
	}
	return all
}

// What is half-written may be as old as its rule, and no older. Only a real
// clock can make a ctime, so the rule is what moves.
func TestFsckMindsOldTemporaries(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, fmt.Sprintf("echo x > tmp/.new-1; echo x > tmp/%s.gone; echo x > tmp/%s@0123456789abcdef.part; echo x > tmp/%s.rotten", digestOf("x"), k, digestOf("y")))
	c := newChecker(t.Context(), s, FsckOptions{})
	c.wanted = digests{}
	for name, rule := range map[string]time.Duration{
		".new-1": oldTemp, digestOf("x") + ".gone": goneFor, k + "@0123456789abcdef.part": oldPart, digestOf("y") + ".rotten": 0,
	} {
		got, text := c.ruleOf(name)
		if got != rule || (text == "") != (rule == 0) {
			t.Errorf("%s: %v %q", name, got, text)
		}
	}
	if found := fsck(t, s, FsckOptions{}); len(found) != 0 {
		t.Errorf("fresh files: %+v", found)
	}
	add(t, s, cudaURL)
	if rule, text := c.ruleOf(k + "@0123456789abcdef.part"); rule != 0 || text != "" {
		t.Errorf("a part whose job waits: %v %q", rule, text)
	}
}

// A worker puts a sound blob in the place of a rotten one while fsck hashes.
func TestFsckTakesOutOnlyWhatItJudged(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	f, err := s.OpenBlob(a.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run(t, s.dir, "cp blobs/"+a.SHA256+" x && mv x blobs/"+a.SHA256)
	newScrub(t, s).isRotten(&file{name: a.SHA256}, f, "rotten")
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Error("the new one was taken out:", err)
	}
	for i := range 3 { // one rotten copy after another: each is kept
		run(t, s.dir, fmt.Sprintf("chmod 644 blobs/*; printf rot%d > blobs/%s", i, a.SHA256))
		fsck(t, s, FsckOptions{Repair: true})
		retryLost(t, s)
		publish(t, claimNext(t, s), "bytes")
	}
	run(t, s.dir, "test $(ls tmp/*.rotten | wc -l) = 3")
}

// One bit flips in each blob, at any place of it.
func TestFsckFindsEveryFlippedBit(t *testing.T) {
	s := testStore(t)
	const blobs = 50
	for i := range blobs {
		a := hold(t, s, fmt.Sprintf("https://example.com/%d.run", i), strings.Repeat(fmt.Sprint("bytes ", i), 1+i*37))
		path := s.path("blobs", a.SHA256)
		b, _ := os.ReadFile(path)
		b[i*len(b)/blobs] ^= 1 << (i % 8)
		os.Chmod(path, 0o644)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if found := fsck(t, s, FsckOptions{Quick: true}); len(found) != 0 {
		t.Errorf("quick: %+v", found)
	}
	if found := fsck(t, s, FsckOptions{}); len(found) != blobs {
		t.Errorf("%d of %d found", len(found), blobs)
	}
}

// The bytes of a digest that some meta names, in whatever words, stay: neither
// gc nor a repair may take them for nobody's.
func TestNamedBytesStay(t *testing.T) {
	for _, garble := range []string{
		"sed -i 's/\"size\": 5/\"size\": five/' meta/*",
		"mv meta/K.json meta/K.json.bak",
		"sed -i '/\"sha256\"/s/: \".*\"/: \"'$(ls blobs | tr a-f A-F)'\"/' meta/*",
		"sed -i '/sha256/d' meta/*; rm done/*", // of any blob
		"truncate -s 60 meta/*",                // the job in done/ knows
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, strings.ReplaceAll(garble, "K", a.Key))
		for range 2 {
			s.GC(GCOptions{Older: 1})
		}
		if !exists(s.path("blobs", a.SHA256)) {
			t.Errorf("%s: gc took the blob", garble)
		}
		run(t, s.dir, "mv blobs/"+a.SHA256+" tmp/"+a.SHA256+goneSuffix)
		c := newChecker(t.Context(), s, FsckOptions{})
		c.want()
		if _, text := c.ruleOf(a.SHA256 + goneSuffix); text != "" {
			t.Errorf("%s: fsck would unlink it: %s", garble, text)
		}
	}
}

// What gc took out is the only sound copy if another stands rotten, or a link, in
// its place.
func TestTheSoundCopyStays(t *testing.T) {
	for _, place := range []string{"echo rot > blobs/D", "ln -s /nowhere blobs/D", "mkdir blobs/D", "mkfifo blobs/D"} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, strings.ReplaceAll("mv blobs/D tmp/D.gone; "+place, "D", a.SHA256))
		fsck(t, s, FsckOptions{Repair: true})
		for range 2 {
			s.GC(GCOptions{Older: 1})
		}
		run(t, s.dir, fmt.Sprintf("for f in tmp/%s.gone blobs/%s; do if test -f $f -a ! -L $f && test $(stat -c %%s $f) = 5; then exit 0; fi; done; ls -l tmp blobs; exit 1", a.SHA256, a.SHA256))
	}
}

// A meta whose size is wrong condemns no blob, which another artifact may share.
func TestAWrongSizeCondemnsNoBlob(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	b := hold(t, s, "https://example.com/same.run", "bytes")
	run(t, s.dir, "sed -i 's/\"size\": 5/\"size\": 7/' meta/"+b.Key+".json")
	for _, o := range []FsckOptions{{Quick: true}, {}, {Quick: true, Repair: true}} {
		found := fsck(t, s, o)
		if len(found) != 1 || found[0].Path != "meta/"+b.Key+".json" {
			t.Errorf("%+v: %+v", o, found)
		}
		if _, err := s.Lookup(cudaURL); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if found := fsck(t, s, FsckOptions{}); len(found) != 0 || !exists(s.path("blobs", a.SHA256)) {
		t.Errorf("%+v", found)
	}
}

// Nor where no other does: a quick repair reads it first.
func TestAWrongSizeIsNoProof(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "sed -i 's/\"size\": 5/\"size\": 7/' meta/*")
	found := fsck(t, s, FsckOptions{Quick: true, Repair: true})
	if len(found) != 1 || found[0].Path != "meta/"+a.Key+".json" || !found[0].Repaired || !exists(s.path("blobs", a.SHA256)) {
		t.Errorf("it is the meta that is wrong: %+v", found)
	}
}

// A meta that no lookup finds is a problem, though its name ends as it should.
func TestFsckFindsWhatNoLookupFinds(t *testing.T) {
	k := keyOf(t, cudaURL)
	for _, script := range []string{
		"mv meta/K.json meta/example.com--x.run--" + k[len(k)-32:] + ".json",
		"sed -i '/url_sha256/s/....\",/0000\",/' meta/*",
	} {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		run(t, s.dir, strings.ReplaceAll(script, "K", k))
		if _, err := s.Lookup(cudaURL); err == nil {
			t.Errorf("%s: found", script)
		}
		if found := fsck(t, s, FsckOptions{}); len(found) != 1 || !strings.Contains(found[0].Text, "of another URL") {
			t.Errorf("%s: %+v", script, found)
		}
	}
}

// A part is wanted by a job that a person named as he liked, also by a process
// that has looked at no queue yet.
func TestFsckKnowsTheQueue(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, "echo x > tmp/"+k+"@0123456789abcdef.part; echo "+cudaURL+" > queue/mine.job")
	if _, err := s.GC(GCOptions{DryRun: true}); err != nil || !s.partWanted(k+"@0123456789abcdef.part") {
		t.Error("nobody wants the part", err)
	}
}

// An orphan of another host waits its time: fsck says so.
func TestFsckTellsAForeignOrphan(t *testing.T) {
	s := testStore(t)
	name := activeJobName(keyOf(t, cudaURL), "0123456789abcdef")
	run(t, s.dir, "printf '"+cudaURL+"\n2026-11-22T21:31:00Z claim elsewhere 7 0123456789abcdef\n' > active/"+name)
	for _, o := range []FsckOptions{{}, {Repair: true}} {
		if found := fsck(t, s, o); len(found) != 1 || !strings.Contains(found[0].Do, "10 minutes") || found[0].Repaired {
			t.Errorf("%+v: %+v", o, found)
		}
	}
}

// What root reads, and the server does not: a backup that root has copied back.
func TestFsckFindsWhatTheServerMayNotRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	k := keyOf(t, cudaURL)
	for script, paths := range map[string][]string{
		"true":                                   nil,
		"chown 4242 .":                           nil, // meta is the group's, a blob everyone's
		"chmod 600 */*":                          nil, // the server is root, too
		"chown 4242 . && chmod 600 meta/*":       {"meta/" + k + ".json"},
		"chown 4242:4242 . && chmod 440 blobs/*": {"blobs/" + digestOf("bytes"), "meta/" + k + ".json"},
		"chown 4242 . && chown 4242 meta/* && chmod 600 meta/*": nil,
	} {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		run(t, s.dir, script)
		found := fsck(t, s, FsckOptions{})
		if len(found) != len(paths) {
			t.Errorf("%s: found %+v", script, found)
		}
		for _, path := range paths {
			if !names(found, path, "may not read it") {
				t.Errorf("%s: found %+v, and not %s", script, found, path)
			}
		}
	}
}
