package origins

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

func TestOriginsFile(t *testing.T) {
	for _, c := range []struct {
		text, want string // names and values of what goes over https; "-" for an error
		allowHTTP  string // and over http
	}{
		{"", "map[]", "map[]"},
		{"Authorization: Bearer x\n", "map[Authorization:[Bearer x]]", "map[]"},
		{"# comment\r\n\r\nprivate-token:  abc \r\n", "map[Private-Token:[abc]]", "map[]"},
		{"# allow http\nA: 1\nA: 2", "map[A:[1 2]]", "map[A:[1 2]]"},
		{"#Allow HTTP\n", "map[]", "map[]"},
		{"# do not allow http\nA: 1", "map[A:[1]]", "map[]"},
		{"A: b: c", "map[A:[b: c]]", "map[]"},
		{"Referer: https://v.example/\nCookie: a=b\nuser-agent: x/1\n", "map[Cookie:[a=b] Referer:[https://v.example/] User-Agent:[x/1]]", "map[Referer:[https://v.example/] User-Agent:[x/1]]"},
		{"http1\nheader-timeout\t10m\nmax-connections 2\nKey: x\n", "map[Key:[x]]", "map[]"},
		{"Bearer x", "-", ""}, {": x", "-", ""}, {"A B: x", "-", ""}, {"A: \x01", "-", ""}, {"A:", "-", ""}, {"A\x7f: x", "-", ""},
		{"Host: evil", "-", ""}, {"range: bytes=0-", "-", ""}, {"Accept-Encoding: gzip", "-", ""}, {"Transfer-Encoding: x", "-", ""},
		{"header-timeout", "-", ""}, {"header-timeout 10", "-", ""}, {"header-timeout -1s", "-", ""}, {"max-connections 0", "-", ""}, {"max-connections Bearer", "-", ""},
		{"http1 off", "-", ""}, {"http1: on", "-", ""}, {"Header-Timeout: 10m", "-", ""}, {"cert: c.pem", "-", ""}, {"ca: c.pem", "-", ""}, {"max-connections: 2", "-", ""},
		{"cert", "-", ""}, {"cert Bearer", "-", ""}, {"key Bearer", "-", ""}, {"ca Bearer", "-", ""}, {"ca /Bearer", "-", ""}, {"ca ../Bearer", "-", ""},
	} {
		site, err := Dir{Files: fstest.MapFS{}}.Parse("h", c.text)
		if c.want == "-" {
			if err == nil || strings.Contains(err.Error(), "Bearer") {
				t.Errorf("%q: %v", c.text, err)
			}
		} else if err != nil || fmt.Sprint(site.Lines(true)) != c.want || fmt.Sprint(site.Lines(false)) != c.allowHTTP {
			t.Errorf("%q: %v %v %v", c.text, site.Lines(true), site.Lines(false), err)
		}
	}
	site, err := Dir{}.Parse("h", "http1\nheader-timeout 10m\nmax-connections 2\n")
	if err != nil || !site.HTTP1 || site.HeaderTimeout != 10*time.Minute || site.Connections != 2 {
		t.Errorf("%+v %v", site, err)
	}
}

// FuzzParse: no header line of a file holds what ends a line, or sets a field of the server's.
func FuzzParse(f *testing.F) {
	f.Add("A: b\n# allow http")
	f.Fuzz(func(t *testing.T, text string) {
		site, err := Dir{Files: fstest.MapFS{}}.Parse("h", text)
		for name, values := range site.Header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || Reserved[name] || err != nil {
				t.Errorf("%q: %q %v", text, site.Header, err)
			}
		}
	})
}

func TestOriginsModes(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o700: true, 0o644: false, 0o604: false, 0o660: false, 0o620: false, 0o666: false,
		0o602: false, 0o601: false, 0o777: false, fs.ModeNamedPipe | 0o600: false, fs.ModeDevice | 0o600: false,
	} {
		dir := fstest.MapFS{"h.example": {Data: []byte("A: secret-word\n"), Mode: mode}}
		err := Dir{Files: dir}.Check()
		var unsafe *FileError
		if (err == nil) != ok || err != nil && (!errors.As(err, &unsafe) || !strings.Contains(err.Error(), "h.example") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%v: %v", mode, err)
		}
		if !ok && mode.IsRegular() && !strings.Contains(err.Error(), "chmod 600 it") {
			t.Errorf("%v: %v does not say what to do", mode, err)
		}
	}
	for name, ok := range map[string]bool{
		"h.example": true, "10.0.0.1": true, "::1": true, "2001:db8::1": true, "localhost": true, ".hidden": true, "h.example~": true, "client.pem": true, "lab.key": true,
		"H.example": false, "h.example:443": false, "[::1]": false, "h.example.": false, "a b": false, "u@h": false, "0:0:0:0:0:0:0:1": false,
	} {
		err := Dir{Files: fstest.MapFS{name: {Data: []byte("A: b\n"), Mode: 0o600}}}.Check()
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	big := fstest.MapFS{"h": {Data: bytes.Repeat([]byte("# x\n"), 20<<10), Mode: 0o600}}
	if err := (Dir{Files: big}).Check(); err == nil {
		t.Error("80 KiB pass")
	}
	if err := (Dir{Files: fstest.MapFS{"sub/h": {Data: []byte("junk"), Mode: 0o666}}}).Check(); err != nil {
		t.Errorf("a directory in it: %v", err)
	}
}

func TestOriginsDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "h.example"), []byte("A: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for mode, ok := range map[os.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o777: false} {
		os.Chmod(dir, mode)
		if err := (Dir{Files: root.FS()}).Check(); (err == nil) != ok {
			t.Errorf("%o: %v", mode, err)
		}
	}
	os.Chmod(dir, 0o700)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "l.example")); err != nil {
		t.Fatal(err)
	}
	if err := (Dir{Files: root.FS()}).Check(); err == nil {
		t.Error("a link out of the directory passes")
	}
	os.Remove(filepath.Join(dir, "l.example"))
	if err := syscall.Mkfifo(filepath.Join(dir, "p.example"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Dir{Files: root.FS()}).Check(); err == nil || !strings.Contains(err.Error(), "p.example is no regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if err := (Dir{Files: os.DirFS(filepath.Join(dir, "absent"))}).Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
}
