package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore"
)

// backUp runs the commands of fromcache help backup, for a data directory and a place for its backup.
// Exit status 24 says that files went while rsync copied.
func backUp(t *testing.T, data, to string) {
	t.Helper()
	script := "set -e; rsync() { command rsync \"$@\" || test $? = 24; }\n"
	for line := range strings.Lines(fsstore.BackupHelp) {
		if code, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(code, "fromcache ") {
			script += code
		}
	}
	script = regexp.MustCompile(`\b(data|backup)/`).ReplaceAllStringFunc(script, func(dir string) string {
		return map[string]string{"data/": data, "backup/": to}[dir] + "/"
	})
	if strings.Count(script, "rsync -a") != 4 {
		t.Fatalf("the commands are:\n%s", script)
	}
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s%s", err, script, out)
	}
}

// backUpBySync runs fromcache sync --backup, twice, the second time with --delete.
func backUpBySync(t *testing.T, data, to string) {
	t.Helper()
	for _, more := range [][]string{nil, {"--delete"}} {
		args := append([]string{"fromcache", "sync", "--data-dir", data, "--backup", to}, more...)
		var out, errs strings.Builder
		if code := run(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("%q: %d\n%s%s", args, code, out.String(), errs.String())
		}
	}
}

// TestBackupIsWhole makes backups by the real rsync while artifacts are evicted, replaced and added, and gc takes their blobs
// out of service: of each artifact in a backup every byte is there, and fsck finds nothing.
func TestBackupIsWhole(t *testing.T) {
	dir := t.TempDir()
	s, err := fsstore.Open(dir+"/data", fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		carry(t, s, fmt.Sprintf("https://vendor.example.com/old-%d.bin", i))
	}
	for round := range 3 {
		ctx, stop := context.WithCancel(t.Context())
		var churn sync.WaitGroup
		churn.Go(func() { churnStore(ctx, t, s, round) })
		to := fmt.Sprintf("%s/backup-%d", dir, round)
		if round == 0 {
			backUp(t, dir+"/data", to)
		} else {
			backUpBySync(t, dir+"/data", to)
		}
		stop()
		churn.Wait()
		judge(t, to)
	}
}

// carry holds random bytes as the artifact of a URL.
func carry(t *testing.T, s *fsstore.Store, url string) {
	b := make([]byte, 50_000)
	rand.Read(b)
	add := fsstore.Addition{URL: url, AcceptAny: true}
	if _, err := s.Put(add, strings.NewReader(string(b)), int64(len(b)), fsstore.Operator{Via: "cli"}, func(int64) error { return nil }); err != nil {
		t.Error(err)
	}
}

// churnStore never stops to evict, to replace and to add, with a gc after each. What it adds it lets be: what comes and goes within
// one rsync of done/ and meta/ is lost to the backup as it is to the lab.
func churnStore(ctx context.Context, t *testing.T, s *fsstore.Store, round int) {
	for i := 0; ctx.Err() == nil; i++ {
		old := fmt.Sprintf("https://vendor.example.com/old-%d.bin", (round*20+i)%60)
		if i < 10 {
			if err := s.Evict(mustKeyOf(t, s, old), fsstore.Operator{Via: "cli"}); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		} else {
			carry(t, s, old)
		}
		carry(t, s, fmt.Sprintf("https://vendor.example.com/new-%d-%d.bin", round, i))
		if _, err := s.GC(fsstore.GCOptions{}); err != nil {
			t.Error(err)
		}
	}
}

func mustKeyOf(t *testing.T, s *fsstore.Store, url string) string {
	why, err := s.Why(url)
	if err != nil {
		t.Fatal(err)
	}
	return why.Key
}

func judge(t *testing.T, dir string) {
	t.Helper()
	s, err := fsstore.Open(dir, fsstore.Options{})
	if err == nil {
		err = s.Recover() // as a server does at its start
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Fsck(t.Context(), fsstore.FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("fsck of the backup: %s: %s: %s", p.Path, p.Text, p.Do)
	}
	n, from := 0, 0
	for a, err := range s.Artifacts() {
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := os.Stat(dir + "/blobs/" + a.SHA256); err != nil {
			from++
		}
		_, f, err := s.Open(a.URL)
		if err != nil {
			t.Errorf("%s: %v", a.URL, err)
			continue
		}
		h := sha256.New()
		io.Copy(h, f) //nolint:errcheck // its sum tells
		f.Close()
		if fmt.Sprintf("%x", h.Sum(nil)) != a.SHA256 {
			t.Errorf("%s has other bytes", a.URL)
		}
		n++
	}
	t.Logf("%d artifacts, %d of them out of tmp/", n, from)
	if n < 40 {
		t.Errorf("%d artifacts", n)
	}
}
