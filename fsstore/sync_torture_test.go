package fsstore

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A power cut on ext4 or xfs can't show every missing fsync, because the next
// one commits the journal for all names. So the order of the calls themselves is
// held here: what is acknowledged is fsynced first, its name before that of
// whoever points to it.

// durable is the story's calls that matter, in the order that they must have.
// Other calls may stand between them.
var durable = []struct{ call, why string }{
	{"fsync misses/K", "the miss was a note; approved, it must survive, with the line that says who approved what"},
	{"rename misses/K queue/K.job", ""},
	{"fsync queue", "its new name; then the approval is acknowledged"},
	{"rename queue/K.job active/K@W.job", ""},
	{"fsync tmp/K@W.part", "the bytes"},
	{"rename tmp/K@W.part blobs/D", ""},
	{"fsync blobs", "their name, before a meta points to it"},
	{"fsync tmp/M", "the meta's content"},
	{"rename tmp/M meta/K.json", "the commit"},
	{"fsync meta", "made durable"},
	{"fsync active/K@W.job", "the done line, before the name that says so"},
	{"rename active/K@W.job done/K.job", ""},
	{"fsync done/K.job", "the line that tells an evict from a loss"},
	{"unlink meta/K.json", ""},
	{"fsync meta", "the evict is acknowledged"},
	{"fsync tmp/M", "a whole new job"},
	{"rename tmp/M queue/K2.job", ""},
	{"fsync queue", "the pre-seed is acknowledged"},
	{"rename queue/K2.job cancelled/K2.job", ""},
	{"fsync cancelled/K2.job", "the line that says who cancelled what"},
	{"fsync cancelled", "the cancel is acknowledged"},
	{"fsync cancelled/K2.job", "the line that says who retried what"},
	{"rename cancelled/K2.job queue/K2.job", ""},
	{"fsync queue", "the retry is acknowledged"},
	{"fsync tmp/M", ""},
	{"rename tmp/M denied/ads.example.com", ""},
	{"fsync denied", "the denial is acknowledged"},
}

func TestWhatIsAcknowledgedIsSyncedFirst(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	dir := t.TempDir() + "/data"
	openAt(t, dir, Options{})
	cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", dir+".strace", "-e", "trace=fsync,fdatasync,renameat,renameat2,unlinkat", os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashEvict+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(dir + ".strace")
	if err != nil {
		t.Fatal(err)
	}
	calls := callsOf(string(b), dir, keyOf(t, cudaURL))
	at := 0
	for _, want := range durable {
		i := at
		for i < len(calls) && calls[i] != want.call {
			i++
		}
		if i == len(calls) {
			t.Fatalf("no %q after %q (%s); the calls were\n%s", want.call, calls[:at], want.why, strings.Join(calls, "\n"))
		}
		at = i + 1
	}
}

var (
	syncCall   = regexp.MustCompile(`(?:fsync|fdatasync)\(\d+<([^>]*)>`)
	renameCall = regexp.MustCompile(`renameat2?\([^"]*"([^"]*)", [^"]*"([^"]*)"`)
	unlinkCall = regexp.MustCompile(`unlinkat\([^"]*"([^"]*)"`)
	worker     = regexp.MustCompile(`@[0-9a-f]{16}`)
	batchName  = regexp.MustCompile(`batch-[0-9a-f]{16}`)
	blob       = regexp.MustCompile(`[0-9a-f]{64}`)
	temp       = regexp.MustCompile(`tmp/\.[^ /]*`)
)

// callsOf reads a trace: what was done to which names, without what is random.
// The data directory is ".".
func callsOf(trace, dir, k string) (calls []string) {
	for line := range strings.Lines(trace) {
		var c string
		if m := syncCall.FindStringSubmatch(line); m != nil {
			c = "fsync " + m[1]
		} else if m := renameCall.FindStringSubmatch(line); m != nil {
			c = "rename " + m[1] + " " + m[2]
		} else if m := unlinkCall.FindStringSubmatch(line); m != nil {
			c = "unlink " + m[1]
		} else {
			continue
		}
		c = strings.NewReplacer(dir+"/", "", dir, ".", filepath.Dir(dir), "..", k, "K", mustKey(addedURL), "K2").Replace(c)
		c = batchName.ReplaceAllString(strings.ReplaceAll(c, "//", "/"), "batch")
		c = temp.ReplaceAllString(blob.ReplaceAllString(worker.ReplaceAllString(c, "@W"), "D"), "tmp/M")
		calls = append(calls, strings.TrimSuffix(c, "/"))
	}
	return calls
}
