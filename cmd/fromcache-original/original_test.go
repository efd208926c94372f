package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

const tables = `
CREATE TABLE blobs (key TEXT PRIMARY KEY, url TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
	content_type TEXT, fetched_at TEXT NOT NULL, hits INTEGER NOT NULL DEFAULT 0, misses INTEGER NOT NULL DEFAULT 0);
CREATE TABLE misses (key TEXT PRIMARY KEY, url TEXT NOT NULL, count INTEGER NOT NULL, first_seen TEXT NOT NULL,
	last_seen TEXT NOT NULL);`

// original is a data directory as the original makes it.
type original struct {
	t   *testing.T
	dir string
	db  *sql.DB
}

func newOriginal(t *testing.T, schema string) *original {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/blobs", 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dir+"/cache.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	o := &original{t, dir, db}
	o.exec(schema)
	return o
}

func (o *original) exec(query string, args ...any) {
	o.t.Helper()
	if _, err := o.db.Exec(query, args...); err != nil {
		o.t.Fatal(err)
	}
}

// hold adds an artifact of a URL whose key is that of another, as where a query is dropped.
func (o *original) hold(keyURL, url, body string, hits any) {
	o.t.Helper()
	k := sumOf(keyURL)
	o.exec("INSERT INTO blobs VALUES (?, ?, ?, ?, 'application/x-tool', '2025-01-02T03:04:05Z', ?, 3)",
		k, url, len(body), fmt.Sprintf("%x", sha256.Sum256([]byte(body))), hits)
	if err := os.WriteFile(o.dir+"/blobs/"+k, []byte(body), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// move runs the program, and returns its exit status and what it printed.
func (o *original) move(dest string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(o.t.Context(), []string{o.dir, dest}, &out, &errs)
	return code, out.String(), errs.String()
}

// sound opens what was made, and lets fsck read all of it.
func sound(t *testing.T, dir string) *fsstore.Store {
	t.Helper()
	s, err := fsstore.Open(dir, fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Fsck(t.Context(), fsstore.FsckOptions{})
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("fsck: %v, %v", r.Problems, err)
	}
	return s
}

// Bytes, dates, types, hits and misses come along, once; what is signed is no part of the key.
func TestMove(t *testing.T) {
	o := newOriginal(t, tables)
	o.hold("https://vendor.example.com/Tool.bin", "https://Vendor.example.com/Tool.bin", "tool", 5)
	o.hold("https://vendor.example.com/signed.bin", "https://vendor.example.com/signed.bin?sp=r&se=2026-12-31&sig=canary", "signed", 0)
	o.hold("https://vendor.example.com/kept.bin?v=2", "https://vendor.example.com/kept.bin?v=2", "kept", 1)
	o.exec("INSERT INTO misses VALUES (?, ?, 4, '2025-02-01T00:00:00Z', '2025-03-01T00:00:00Z')",
		sumOf("https://vendor.example.com/wanted.bin"), "https://vendor.example.com/wanted.bin")
	dest := t.TempDir() + "/data"
	code, stdout, stderr := o.move(dest)
	if code != 0 || stdout != "imported 3; 0 held already, 0 held in a newer version, 1 misses, 0 failed\n" || stderr != "" {
		t.Fatalf("%d, %s%s", code, stdout, stderr)
	}
	for range 2 {
		s := sound(t, dest)
		a, err := s.Lookup("https://vendor.example.com/Tool.bin")
		if err != nil {
			t.Fatal(err)
		}
		if !a.Fetched.Equal(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)) || a.Header["Content-Type"] != "application/x-tool" ||
			a.Misses != 3 || s.Hits(a.Key) != 5 || !a.Ranges {
			t.Errorf("%+v, %d hits", a, s.Hits(a.Key))
		}
		for _, url := range []string{"https://vendor.example.com/signed.bin", "https://vendor.example.com/kept.bin?v=2"} {
			if _, err := s.Lookup(url); err != nil {
				t.Error(err)
			}
		}
		misses, err := s.Jobs(fsstore.Misses)
		if err != nil || len(misses) != 1 {
			t.Fatalf("%v, %v", misses, err)
		}
		n, _ := misses[0].Job.Misses()
		if first, last := misses[0].Job.FirstAsked(), misses[0].Job.LastAsked(); n != 4 || first.Month() != time.February || last.Month() != time.March {
			t.Errorf("%d misses from %v to %v", n, first, last)
		}
		if code, stdout, _ := o.move(dest); code != 0 || !strings.HasPrefix(stdout, "imported 0; 3 held already") {
			t.Errorf("again: %d, %s", code, stdout)
		}
	}
	meta, _ := filepath.Glob(dest + "/meta/*")
	for _, path := range meta {
		if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "canary") {
			t.Errorf("%s: %s, %v", path, b, err)
		}
	}
}

// No row of a forged database is held, reads a file elsewhere, or keeps the next from being held.
func TestForgedRows(t *testing.T) {
	o := newOriginal(t, tables)
	const host = "https://vendor.example.com/"
	o.hold(host+"a.bin", host+"b.bin", "of another URL", 0)
	o.hold(host+"rotten.bin", host+"rotten.bin", "whole", 0)
	o.hold(host+"login.run", host+"login.run", "<!DOCTYPE html><html>sign in</html>", 0)
	o.hold(host+"gone.bin", host+"gone.bin", "gone", 0)
	o.hold(host+"pipe.bin", host+"pipe.bin", "pipe", 0)
	o.hold(host+"link.bin", host+"link.bin", "link", 0)
	o.hold("https://user:canary@vendor.example.com/c.bin", "https://user:canary@vendor.example.com/c.bin", "private", 0)
	o.hold("\x1b[31m", "\x1b[31m", "no URL", 0)
	o.hold(host+"good.bin", host+"good.bin", "good", "many")
	o.exec("INSERT INTO blobs VALUES ('../cache.db', ?, 4, ?, NULL, 'yesterday', -1, 'x')", host+"d.bin", sumOf("x"))
	o.exec("INSERT INTO blobs VALUES (?, ?, 4, '../../etc/passwd', x'00ff', '2025-01-02T03:04:05Z', -1, 1)", sumOf(host+"e.bin"), host+"e.bin")
	o.exec("INSERT INTO misses VALUES (?, ?, -7, 'now', 'then')", sumOf(host+"f.bin"), host+"f.bin")
	o.exec("INSERT INTO misses VALUES ('k', 'no URL', 1, '', '')")
	script := "cd blobs; echo rot > " + sumOf(host+"rotten.bin") + "; rm " + sumOf(host+"gone.bin") + " " + sumOf(host+"pipe.bin") + " " +
		sumOf(host+"link.bin") + "; mkfifo " + sumOf(host+"pipe.bin") + "; ln -s /etc/hostname " + sumOf(host+"link.bin")
	shell(t, o.dir, script)
	dest := t.TempDir() + "/data"
	code, stdout, stderr := o.move(dest)
	if code != 1 || stdout != "imported 1; 0 held already, 0 held in a newer version, 0 misses, 12 failed\n" {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	for _, want := range []string{"its key is not that of its URL", "was asked for", "an HTML page came", "no such file", "not a regular file",
		"escapes", "user name or password", "its sha256 is no SHA-256", "is no time"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no line says %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stderr, "canary") || strings.Contains(stderr, "\x1b") {
		t.Errorf("%q", stderr)
	}
	if _, err := sound(t, dest).Lookup(host + "good.bin"); err != nil {
		t.Error(err)
	}
}

// TestGiantRows: a row that is larger than any honest one is not read, and counts as failed.
func TestGiantRows(t *testing.T) {
	o := newOriginal(t, tables)
	const host = "https://vendor.example.com/"
	o.hold(host+"good.bin", host+"good.bin", "good", int64(1)<<62)
	const giant = 64 << 20
	for _, column := range []string{"url", "sha256", "content_type", "fetched_at", "hits", "misses"} {
		o.hold(host+column, host+column, column, 0)
		o.exec("UPDATE blobs SET "+column+" = CAST(zeroblob(?) AS TEXT) WHERE url = ?", giant, host+column)
	}
	for _, column := range []string{"url", "count", "first_seen", "last_seen"} {
		o.exec("INSERT INTO misses VALUES (?, ?, 1, '2025-02-01T00:00:00Z', '2025-03-01T00:00:00Z')", sumOf(host+column), host+column)
		o.exec("UPDATE misses SET "+column+" = zeroblob(?) WHERE url = ?", giant, host+column)
	}
	long := host + strings.Repeat("x", 5000)
	o.exec("INSERT INTO misses VALUES ('k', ?, 1, '2025-02-01T00:00:00Z', '2025-03-01T00:00:00Z')", long)
	dest := t.TempDir() + "/data"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code, stdout, stderr := o.move(dest)
	runtime.ReadMemStats(&after)
	if code != 1 || stdout != "imported 1; 0 held already, 0 held in a newer version, 0 misses, 11 failed\n" {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	if !strings.Contains(stderr, "blobs: rows") || !strings.Contains(stderr, ": 6\n") || len(stderr) > 1000 {
		t.Errorf("%s", stderr)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > giant {
		t.Errorf("%d bytes were allocated", n)
	}
	s := sound(t, dest)
	a, err := s.Lookup(host + "good.bin")
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Hits(a.Key); n != maxCount {
		t.Errorf("%d hits", n)
	}
}

// What is no database of the original is refused before anything is made.
func TestOtherDatabases(t *testing.T) {
	endless := "CREATE VIEW blobs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n; CREATE TABLE misses (key)"
	for name, o := range map[string]*original{
		"no table blobs": newOriginal(t, endless), "no table misses": newOriginal(t, "CREATE TABLE blobs (key)"),
		"not a database": newOriginal(t, ""), "no such file": newOriginal(t, ""),
	} {
		switch name {
		case "not a database":
			shell(t, o.dir, "head -c 10000 /dev/urandom > cache.db")
		case "no such file":
			shell(t, o.dir, "rm cache.db")
		}
		dest := t.TempDir() + "/data"
		code, _, stderr := o.move(dest)
		if code != 1 || !strings.Contains(stderr, name) {
			t.Errorf("%s: %d, %s", name, code, stderr)
		}
		if _, err := os.Stat(dest); err == nil {
			t.Errorf("%s: %s was made", name, dest)
		}
	}
}

func shell(t *testing.T, dir, script string) {
	t.Helper()
	c := exec.Command("sh", "-ec", script)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
