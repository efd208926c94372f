package fsstore_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFromAMissToAHit(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("lookup in an empty store: %v", err)
	}
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictNoted {
		t.Errorf("first miss: %s", v)
	}
	storetest.Want(t, s, fsstore.Misses, k)
	storetest.Run(t, s.Dir(), "mv misses/* queue/")
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictQueued {
		t.Errorf("a miss of what is queued: %s", v)
	}
	c := storetest.ClaimNext(t, s)
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.8"); v != fsstore.VerdictActive {
		t.Errorf("a miss of what is active: %s", v)
	}
	a := storetest.Publish(t, c, "the bytes")
	if a.SHA256 != storetest.DigestOf("the bytes") || a.Misses != 1 || a.Approved == nil || a.Approved.Via != "shell" {
		t.Errorf("published %+v", a)
	}
	got, err := s.Lookup(storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=signed")
	if err != nil || got.SHA256 != a.SHA256 {
		t.Fatalf("lookup: %v, %v", got, err)
	}
	if again, _ := s.Lookup(storetest.CudaURL); again != got {
		t.Error("an unchanged artifact is another pointer")
	}
	if _, f, err := s.Open(storetest.CudaURL); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(f); err != nil || string(b) != "the bytes" {
		t.Errorf("%q, %v", b, err)
	}
	storetest.Want(t, s, fsstore.Misses)
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Active)
	storetest.Want(t, s, fsstore.Done, k+".job")
	storetest.Sound(t, s)
	storetest.Run(t, s.Dir(), "mv blobs/* x && : > blobs/"+a.SHA256)
	if _, _, err := s.Open(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a short blob was opened: %v", err)
	}
	storetest.Run(t, s.Dir(), "mv x blobs/"+a.SHA256)
	storetest.Run(t, s.Dir(), "cd blobs && sha256sum * | awk '{ if ($1 != $2) exit 1 }' && test $(stat -c %a *) = 444")
	storetest.Run(t, s.Dir(), "rm meta/*.json")
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lookup after rm meta/k: %v", err)
	}
}

func TestModesAreTheGroups(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "test $(stat -c %a misses) = 2770 && test $(stat -c %a misses/*) = 660")
	if _, err := s.SessionSecret(); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test $(stat -c %a session-secret) = 600")
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	for _, c := range []struct{ script, says string }{
		{"mkdir d; touch d/thesis.tex", `is no fromcache data directory (it holds "thesis.tex" and no README): name an empty`},
		{"mkdir d d/meta; touch d/thesis.tex", "is no fromcache data directory"},
		{"mkdir d; : > d/README", "is no fromcache data directory (its README has an empty first line)"},
		{"mkdir d d/meta; echo My thesis > d/README", `is no fromcache data directory (its README begins with "My thesis")`},
		{"mkdir d; mkfifo d/README", "is no fromcache data directory (its README is a FIFO)"},
		{"mkdir d d/blobs d/meta; echo fromcache data 2 > d/README", "run the version that made the directory"},
		{"mkdir d; mkdir elsewhere; ln -s ../elsewhere d/blobs", "not a directory but a link"},
		{"mkdir d; mkdir elsewhere; ln -s ../elsewhere d/misses", "not a directory but a link"},
		{"touch d", "not a directory"},
	} {
		dir := t.TempDir()
		storetest.Run(t, dir, c.script)
		if _, err := fsstore.Open(dir+"/d", fsstore.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: it was to say %q: %v", c.script, c.says, err)
		}
	}
	dir := t.TempDir()
	storetest.Run(t, dir, "mkdir real; ln -s real d")
	storetest.OpenAt(t, dir+"/d", fsstore.Options{})
	storetest.OpenAt(t, dir+"/d", fsstore.Options{}) // a second server on one directory
}

func TestOnlyWhatWasApprovedIsFetched(t *testing.T) {
	s := storetest.TestStore(t)
	signed := storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	storetest.NoteMiss(t, s, signed+"1", storetest.Client1)
	storetest.NoteMiss(t, s, signed+"2", "10.0.0.8")
	f, err := os.OpenFile(storetest.JobPath(s, fsstore.Misses, storetest.KeyOf(t, storetest.CudaURL)), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	storetest.ApproveShown(t, s, storetest.KeyOf(t, storetest.CudaURL))
	// A miss that was on its way when the file moved.
	fmt.Fprintf(f, "%s miss 10.0.0.66 curl/8 %s\n", tree.Now().Format(time.RFC3339), signed+"evil")
	if c := storetest.ClaimNext(t, s); c.URL != signed+"2" {
		t.Errorf("fetching %s", c.URL)
	}
}

// What has a meta and not its blob is not held, and nobody is told so by half.
func TestWithoutItsBlobItIsNotHeld(t *testing.T) {
	for script, says := range map[string]string{
		"rm blobs/*": "blob is missing",
		"chmod 644 blobs/*; for b in blobs/*; do echo more >> $b; done": "another size",
		"for m in meta/*; do echo '{' > $m; done":                       "malformed",
	} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), script)
		if got, err := s.Lookup(storetest.CudaURL); got != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Lookup gives %v, %v", script, got, err)
		}
		if _, f, err := s.Open(storetest.CudaURL); f != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Open gives %v, %v", script, f, err)
		}
		if r, err := s.Why(storetest.CudaURL); err != nil || r.Artifact != nil || !strings.Contains(r.Broken, says) || !strings.Contains(r.Broken, "run `fromcache fsck") {
			t.Errorf("%s: Why gives %+v, %v", script, r, err)
		}
	}
}

// What only root may read is a miss to everyone, and held again when it may be.
func TestWhatCantBeReadIsAMiss(t *testing.T) {
	for script, says := range map[string]string{
		"chmod 0 meta/*":  "can't be read",
		"chmod 0 blobs/*": "blob is missing",
	} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), script)
		storetest.Unprivileged(t, func() {
			_, lookup := s.Lookup(storetest.CudaURL)
			_, _, open := s.Open(storetest.CudaURL)
			_, _, digest := s.OpenDigest(a.SHA256)
			for how, err := range map[string]error{"Lookup": lookup, "Open": open, "OpenDigest": digest} {
				if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					t.Errorf("%s: %s gives %v", script, how, err)
				}
			}
			if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictNoted {
				t.Errorf("%s: the miss: %v", script, v)
			}
			if r, err := s.Why(storetest.CudaURL); err != nil || !strings.Contains(r.Broken, says) {
				t.Errorf("%s: Why gives %+v, %v", script, r, err)
			}
		})
		storetest.Run(t, s.Dir(), "chmod 660 meta/*; chmod 444 blobs/*")
		if _, err := s.Lookup(storetest.CudaURL); err != nil {
			t.Errorf("after %s: %v", script, err)
		}
	}
}
