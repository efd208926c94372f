package judge

import (
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"fromcache/fsstore"
)

const held = "https://example.com/held.run"

// tree holds one artifact.
func tree(t *testing.T) (dir, digest string) {
	t.Helper()
	dir = t.TempDir() + "/data"
	s, err := fsstore.Open(dir, fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := fsstore.Addition{URL: held, AcceptAny: true}
	progress := func(int64) error { return nil }
	if _, err := s.Put(add, strings.NewReader("bytes"), 5, fsstore.Operator{Via: "put", Addr: "test"}, progress); err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("%x", sha256.Sum256([]byte("bytes")))
}

// A checker that finds nothing proves nothing: each invariant is broken once.
func TestCheckBites(t *testing.T) {
	other := "https://example.com/other.run"
	for script, want := range map[string]string{
		"true":       "",
		"rm blobs/*": "I1",
		"chmod 644 blobs/*; printf Bytes > $(echo blobs/*)": "I1",
		"echo { > meta/x.json":                              "I1",
		"ln done/* failed/x.job":                            "I2",
		"rm meta/*":                                         "I3",
		"printf '2026-11-23T00:00:00Z done 5 -\\n' >> $(echo done/*)":           "I7",
		"echo " + other + " > active/" + KeyOf(other) + "@0123456789abcdef.job": "I2",
		"sed -i '/ done /d' done/*":                                             "I7",
	} {
		dir, digest := tree(t)
		cmd := exec.Command("sh", "-ec", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", script, err, out)
		}
		found := Check(dir, Known{Bodies: map[string]string{held: digest}, Held: []string{held}, Queued: []string{held}, Settled: true})
		if (want == "") != (len(found) == 0) || len(found) > 0 && !strings.Contains(strings.Join(found, "\n"), want+":") {
			t.Errorf("%s: found %q, want %s", script, found, want)
		}
	}
	dir, _ := tree(t)
	for name, known := range map[string]Known{
		"I4:": {Bodies: map[string]string{held: strings.Repeat("0", 64)}},
		"I3:": {Evicted: []string{held}},
		"I2:": {Queued: []string{other}},
	} {
		if found := Check(dir, known); len(found) != 1 || !strings.HasPrefix(found[0], name) {
			t.Errorf("%s found %q", name, found)
		}
	}
}

func TestOutsideSeesAChange(t *testing.T) {
	dir, _ := tree(t)
	root := strings.TrimSuffix(dir, "/data")
	before, err := Outside(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	exec.Command("touch", dir+"/misses/x").Run()
	if same, _ := Outside(root, dir); same != before {
		t.Error("a change inside counts")
	}
	exec.Command("touch", root+"/x").Run()
	if other, _ := Outside(root, dir); other == before {
		t.Error("a change outside does not")
	}
}
