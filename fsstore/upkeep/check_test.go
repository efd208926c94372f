package upkeep_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/upkeep"
)

// Each line of the table does one thing to a sound tree, and fsck must find
// that one thing, and nothing else. left is what is there after a repair.
func TestFsckFindsEachProblem(t *testing.T) {
	k := storetest.KeyOf(t, storetest.CudaURL)
	blob := storetest.DigestOf("bytes")
	other := "https://example.com/other.run"
	for _, c := range []struct{ script, path, text, left string }{
		{"rm blobs/" + blob, "meta/" + k + ".json", "is missing", ""},
		{"chmod 644 blobs/*; printf Bytes > blobs/" + blob, "blobs/" + blob, "its 5 bytes have the SHA-256", ""},
		{"chmod 644 blobs/*; printf byte > blobs/" + blob, "blobs/" + blob, "its 4 bytes have the SHA-256", ""},
		{"sed -i 's/\"size\": 5/\"size\": 7/' meta/*", "meta/" + k + ".json", "it says 7 bytes, and its blob has 5", ""},
		{"cp blobs/" + blob + " blobs/.x; touch -d '2 days ago' blobs/.x", "blobs/.x", "broken off", "same"},
		{"echo x > blobs/README", "blobs/README", "its name is no SHA-256", "blobs/README"},
		{"echo '{' > meta/" + k + ".json", "meta/" + k + ".json", "malformed", ""},
		{"cp meta/" + k + ".json meta/" + storetest.KeyOf(t, other) + ".json", "meta/" + storetest.KeyOf(t, other) + ".json", "of two URLs", "same"},
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
		{"echo " + other + " > active/" + storetest.KeyOf(t, other) + "@0123456789abcdef.job", "active/", "an orphan", ""},
		{"echo many > hits/" + k, "hits/" + k, "not a number", "same"},
		{"echo role operate > tokens/ci", "tokens/ci", "it lacks the line sha256", "same"},
		{"ln -s ../../ci tokens/ci", "tokens/ci", "not a regular file", "same"},
		{": > misses/" + storetest.KeyOf(t, other), "misses/" + storetest.KeyOf(t, other), "empty", ""},
		{"head -c 99 /dev/zero > misses/" + storetest.KeyOf(t, other), "misses/" + storetest.KeyOf(t, other), "empty", ""},
		{"touch denied/example.com--libc++.deb--0123456789abcdef.job", "", "", ""}, // as mv leaves it
		{"touch 'denied/A B'", "denied/A B", "denies nothing", "same"},
		{"echo x > failed/x.job.why", "failed/x.job.why", "a job that is not there", "same"},
		{"echo x > tmp/mine", "tmp/mine", "not a name of ours", "same"},
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), c.script)
		found := storetest.Fsck(t, s, fsstore.FsckOptions{})
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

// names reports whether every problem has to do with path, and one says text.
func names(list []fsstore.Problem, path, text string) bool {
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
func mends(t *testing.T, s *fsstore.Store, what, left string) {
	t.Helper()
	before := storetest.BytesIn(t, s)
	storetest.Fsck(t, s, fsstore.FsckOptions{Repair: true})
	storetest.RetryLost(t, s)
	for b := range before {
		if after := storetest.BytesIn(t, s); !after[b] {
			t.Errorf("%s: repair deleted the only copy of %q", what, b)
		}
	}
	s = storetest.OpenAt(t, s.Dir(), fsstore.Options{}) // else a person's file is to stand still for 2 s
	for _, name := range storetest.Ls(t, s, fsstore.Queue) {
		if c, err := s.Claim(name); err == nil && c != nil {
			storetest.Publish(t, c, "bytes")
		}
	}
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); (len(found) > 0) != (left != "") {
		t.Errorf("%s: after the repair: %+v", what, found)
	}
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Errorf("%s: after the repair: %v", what, err)
	}
}

// What is half-written may be as old as its rule, and no older. Only a real
// clock can make a ctime, so the rule is what moves.
func TestFsckMindsOldTemporaries(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), fmt.Sprintf("echo x > tmp/.new-1; echo x > tmp/%s.gone; echo x > tmp/%s@0123456789abcdef.part; echo x > tmp/%s.rotten", storetest.DigestOf("x"), k, storetest.DigestOf("y")))
	c := upkeep.NewChecker(t.Context(), s.Keeper, fsstore.FsckOptions{})
	c.Want()
	for name, rule := range map[string]time.Duration{
		".new-1": upkeep.OldTemp, storetest.DigestOf("x") + ".gone": upkeep.GoneFor, k + "@0123456789abcdef.part": upkeep.OldPart, storetest.DigestOf("y") + ".rotten": 0,
	} {
		got, text := c.RuleOf(name)
		if got != rule || (text == "") != (rule == 0) {
			t.Errorf("%s: %v %q", name, got, text)
		}
	}
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 {
		t.Errorf("fresh files: %+v", found)
	}
	storetest.Add(t, s, storetest.CudaURL)
	if rule, text := c.RuleOf(k + "@0123456789abcdef.part"); rule != 0 || text != "" {
		t.Errorf("a part whose job waits: %v %q", rule, text)
	}
}

// A worker puts a sound blob in the place of a rotten one while fsck hashes.
func TestFsckTakesOutOnlyWhatItJudged(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	f, err := s.OpenBlob(a.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	storetest.Run(t, s.Dir(), "cp blobs/"+a.SHA256+" x && mv x blobs/"+a.SHA256)
	newScrub(t, s).IsRotten(a.SHA256, f)
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Error("the new one was taken out:", err)
	}
	for i := range 3 { // one rotten copy after another: each is kept
		storetest.Run(t, s.Dir(), fmt.Sprintf("chmod 644 blobs/*; printf rot%d > blobs/%s", i, a.SHA256))
		storetest.Fsck(t, s, fsstore.FsckOptions{Repair: true})
		storetest.RetryLost(t, s)
		storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
	}
	storetest.Run(t, s.Dir(), "test $(ls tmp/*.rotten | wc -l) = 3")
}

// One bit flips in each blob, at any place of it.
func TestFsckFindsEveryFlippedBit(t *testing.T) {
	s := storetest.TestStore(t)
	const blobs = 50
	for i := range blobs {
		a := storetest.Hold(t, s, fmt.Sprintf("https://example.com/%d.run", i), strings.Repeat(fmt.Sprint("bytes ", i), 1+i*37))
		path := storetest.Path(s, "blobs", a.SHA256)
		b, _ := os.ReadFile(path)
		b[i*len(b)/blobs] ^= 1 << (i % 8)
		os.Chmod(path, 0o644)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{Quick: true}); len(found) != 0 {
		t.Errorf("quick: %+v", found)
	}
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != blobs {
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
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), strings.ReplaceAll(garble, "K", a.Key))
		for range 2 {
			s.GC(fsstore.GCOptions{Older: 1})
		}
		if !tree.Exists(storetest.Path(s, "blobs", a.SHA256)) {
			t.Errorf("%s: gc took the blob", garble)
		}
		storetest.Run(t, s.Dir(), "mv blobs/"+a.SHA256+" tmp/"+a.SHA256+held.GoneSuffix)
		c := upkeep.NewChecker(t.Context(), s.Keeper, fsstore.FsckOptions{})
		c.Want()
		if _, text := c.RuleOf(a.SHA256 + held.GoneSuffix); text != "" {
			t.Errorf("%s: fsck would unlink it: %s", garble, text)
		}
	}
}

// What gc took out is the only sound copy if another stands rotten, or a link, in
// its place.
func TestTheSoundCopyStays(t *testing.T) {
	for _, place := range []string{"echo rot > blobs/D", "ln -s /nowhere blobs/D", "mkdir blobs/D", "mkfifo blobs/D"} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), strings.ReplaceAll("mv blobs/D tmp/D.gone; "+place, "D", a.SHA256))
		storetest.Fsck(t, s, fsstore.FsckOptions{Repair: true})
		for range 2 {
			s.GC(fsstore.GCOptions{Older: 1})
		}
		storetest.Run(t, s.Dir(), fmt.Sprintf("for f in tmp/%s.gone blobs/%s; do if test -f $f -a ! -L $f && test $(stat -c %%s $f) = 5; then exit 0; fi; done; ls -l tmp blobs; exit 1", a.SHA256, a.SHA256))
	}
}

// A meta whose size is wrong condemns no blob, which another artifact may share.
func TestAWrongSizeCondemnsNoBlob(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	b := storetest.Hold(t, s, "https://example.com/same.run", "bytes")
	storetest.Run(t, s.Dir(), "sed -i 's/\"size\": 5/\"size\": 7/' meta/"+b.Key+".json")
	for _, o := range []fsstore.FsckOptions{{Quick: true}, {}, {Quick: true, Repair: true}} {
		found := storetest.Fsck(t, s, o)
		if len(found) != 1 || found[0].Path != "meta/"+b.Key+".json" {
			t.Errorf("%+v: %+v", o, found)
		}
		if _, err := s.Lookup(storetest.CudaURL); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 || !tree.Exists(storetest.Path(s, "blobs", a.SHA256)) {
		t.Errorf("%+v", found)
	}
}

// Nor where no other does: a quick repair reads it first.
func TestAWrongSizeIsNoProof(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "sed -i 's/\"size\": 5/\"size\": 7/' meta/*")
	found := storetest.Fsck(t, s, fsstore.FsckOptions{Quick: true, Repair: true})
	if len(found) != 1 || found[0].Path != "meta/"+a.Key+".json" || !found[0].Repaired || !tree.Exists(storetest.Path(s, "blobs", a.SHA256)) {
		t.Errorf("it is the meta that is wrong: %+v", found)
	}
}

// A meta that no lookup finds is a problem, though its name ends as it should.
func TestFsckFindsWhatNoLookupFinds(t *testing.T) {
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, script := range []string{
		"mv meta/K.json meta/example.com--x.run--" + k[len(k)-32:] + ".json",
		"sed -i '/url_sha256/s/....\",/0000\",/' meta/*",
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "K", k))
		if _, err := s.Lookup(storetest.CudaURL); err == nil {
			t.Errorf("%s: found", script)
		}
		if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 1 || !strings.Contains(found[0].Text, "of another URL") {
			t.Errorf("%s: %+v", script, found)
		}
	}
}

// A part is wanted by a job that a person named as he liked, also by a process
// that has looked at no queue yet.
func TestFsckKnowsTheQueue(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "echo x > tmp/"+k+"@0123456789abcdef.part; echo "+storetest.CudaURL+" > queue/mine.job")
	if _, err := s.GC(fsstore.GCOptions{DryRun: true}); err != nil || !s.PartWanted(k+"@0123456789abcdef.part") {
		t.Error("nobody wants the part", err)
	}
}

// An orphan of another host waits its time: fsck says so.
func TestFsckTellsAForeignOrphan(t *testing.T) {
	s := storetest.TestStore(t)
	name := tree.ActiveJobName(storetest.KeyOf(t, storetest.CudaURL), "0123456789abcdef")
	storetest.Run(t, s.Dir(), "printf '"+storetest.CudaURL+"\n2026-11-22T21:31:00Z claim elsewhere 7 0123456789abcdef\n' > active/"+name)
	for _, o := range []fsstore.FsckOptions{{}, {Repair: true}} {
		if found := storetest.Fsck(t, s, o); len(found) != 1 || !strings.Contains(found[0].Do, "10 minutes") || found[0].Repaired {
			t.Errorf("%+v: %+v", o, found)
		}
	}
}

// What root reads, and the server does not: a backup that root has copied back.
func TestFsckFindsWhatTheServerMayNotRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	for script, paths := range map[string][]string{
		"true":                                   nil,
		"chown 4242 .":                           nil, // meta is the group's, a blob everyone's
		"chmod 600 */*":                          nil, // the server is root, too
		"chown 4242 . && chmod 600 meta/*":       {"meta/" + k + ".json"},
		"chown 4242:4242 . && chmod 440 blobs/*": {"blobs/" + storetest.DigestOf("bytes"), "meta/" + k + ".json"},
		"chown 4242 . && chown 4242 meta/* && chmod 600 meta/*": nil,
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), script)
		found := storetest.Fsck(t, s, fsstore.FsckOptions{})
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
