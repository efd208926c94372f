package fsstore_test

import (
	"bytes"
	"os"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// What people and rsync may leave in the tree is any bytes under any name.

// FuzzClaim puts any bytes into queue/: they become a claim, jobs, or a file
// with a reason in failed/, and are never lost, and nothing else happens.
func FuzzClaim(f *testing.F) {
	for _, seed := range []string{
		"", "\n", storetest.CudaURL + "\n", storetest.CudaURL, "hello\n", "ftp://x/y\n", "https://u:p@example.com/x\n", "https://a.example/x.run\nhttps://b.example/y.run\n",
		storetest.CudaURL + "\nsha256 zz\n", storetest.CudaURL + "\nafter 2999-01-01T00:00:00Z\n", "\xef\xbb\xbf" + storetest.CudaURL + "\r\n", "https://\x00/\n", "\x00\x00\x00\n",
		storetest.CudaURL + "\n2026-11-22T21:27:26Z done 5 -\n", "# only a comment\n", "https://example.com/../../etc/passwd\n",
	} {
		f.Add([]byte(seed), uint8(len(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		s := storetest.QuickStore(t)
		name := []string{"x.job", storetest.KeyOf(t, storetest.CudaURL) + ".job", storetest.KeyOf(t, storetest.CudaURL), "y.2.job"}[n%4]
		if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, name), b, 0o660); err != nil {
			t.Fatal(err)
		}
		c, err := s.Claim(name)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if c != nil {
			if _, err := key.FetchURL(c.URL); err != nil || !key.Valid(c.Key) || !c.Owns() {
				t.Fatalf("%q: claimed %q as %q, %v", b, c.URL, c.Key, err)
			}
			storetest.Publish(t, c, "bytes")
		}
		left := 0
		for _, st := range []fsstore.State{fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed} {
			left += len(storetest.Ls(t, s, st))
		}
		if left == 0 {
			t.Fatalf("%q: the file is gone", b)
		}
		if len(storetest.Ls(t, s, fsstore.Active)) > 0 || len(storetest.Ls(t, s, fsstore.Misses)) > 0 || len(storetest.Ls(t, s, fsstore.Denied)) > 0 {
			t.Fatalf("%q: active %q, misses %q", b, storetest.Ls(t, s, fsstore.Active), storetest.Ls(t, s, fsstore.Misses))
		}
	})
}

// FuzzRecover puts any bytes into active/, and Recover takes them away: to
// queue/, with all that they held.
func FuzzRecover(f *testing.F) {
	f.Add([]byte(storetest.CudaURL+"\n"), "0123456789abcdef")
	f.Add([]byte("hello"), "xxxxxxxxxxxxxxxx")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, b []byte, worker string) {
		s := storetest.QuickStore(t)
		name := tree.ActiveJobName(storetest.KeyOf(t, storetest.CudaURL), worker)
		if !tree.Plain(name) || os.WriteFile(storetest.JobPath(s, fsstore.Active, name), b, 0o660) != nil {
			t.Skip()
		}
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := tree.SplitActive(name); !ok {
			storetest.Want(t, s, fsstore.Active, name)
			return
		}
		got := storetest.Ls(t, s, fsstore.Queue)
		if len(got) == 0 || len(got) > 2 || len(storetest.Ls(t, s, fsstore.Active)) != 0 {
			if len(b) > tree.MaxJobFile {
				t.Skip()
			}
			t.Fatalf("%q: queue %q, active %q", b, got, storetest.Ls(t, s, fsstore.Active))
		}
		text, err := os.ReadFile(storetest.JobPath(s, fsstore.Queue, got[0]))
		if len(got) == 1 && !bytes.HasPrefix(text, b) || err != nil {
			t.Fatalf("%q became %q, %v", b, text, err)
		}
		if len(got) == 2 { // lines of more URLs are a job of their own
			more, err := os.ReadFile(storetest.JobPath(s, fsstore.Queue, got[1]))
			for _, word := range bytes.Fields(b) {
				if err != nil || !bytes.Contains(text, word) && !bytes.Contains(more, word) {
					t.Fatalf("%q became %q and %q, %v", b, text, more, err)
				}
			}
		}
	})
}
