package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCredentialsFile(t *testing.T) {
	for _, c := range []struct {
		text, want string // names and values; "-" for an error
		plain      bool
	}{
		{"", "map[]", false},
		{"Authorization: Bearer x\n", "map[Authorization:[Bearer x]]", false},
		{"# comment\r\n\r\nprivate-token:  abc \r\n", "map[Private-Token:[abc]]", false},
		{"# allow http\nA: 1\nA: 2", "map[A:[1 2]]", true},
		{"#Allow HTTP\n", "map[]", true},
		{"# do not allow http\n", "map[]", false},
		{"A: b: c", "map[A:[b: c]]", false},
		{"Bearer x", "-", false}, {": x", "-", false}, {"A B: x", "-", false}, {"A: \x01", "-", false}, {"A:", "-", false}, {"A\x7f: x", "-", false},
		{"Host: evil", "-", false}, {"range: bytes=0-", "-", false}, {"Accept-Encoding: gzip", "-", false}, {"Transfer-Encoding: x", "-", false},
	} {
		h, plain, err := parseCredentials("h", c.text)
		if c.want == "-" {
			if err == nil || strings.Contains(err.Error(), "Bearer") {
				t.Errorf("%q: %v", c.text, err)
			}
		} else if err != nil || fmt.Sprint(h) != c.want || plain != c.plain {
			t.Errorf("%q: %v %v %v", c.text, h, plain, err)
		}
	}
}

func TestCredentialsModes(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o700: true, 0o644: false, 0o604: false, 0o660: false, 0o620: false, 0o666: false,
		0o602: false, 0o601: false, 0o777: false, fs.ModeNamedPipe | 0o600: false, fs.ModeDevice | 0o600: false,
	} {
		dir := fstest.MapFS{"h.example": {Data: []byte("A: secret-word\n"), Mode: mode}}
		_, err := New(nil, Options{Credentials: dir})
		var unsafe *unsafeCredentials
		if (err == nil) != ok || err != nil && (!errors.As(err, &unsafe) || !strings.Contains(err.Error(), "h.example") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%v: %v", mode, err)
		}
		if !ok && mode.IsRegular() && !strings.Contains(err.Error(), "chmod 600 h.example") {
			t.Errorf("%v: %v does not say what to do", mode, err)
		}
	}
	for name, ok := range map[string]bool{
		"h.example": true, "10.0.0.1": true, "::1": true, "2001:db8::1": true, "localhost": true, ".hidden": true, "h.example~": true,
		"H.example": false, "h.example:443": false, "[::1]": false, "h.example.": false, "a b": false, "u@h": false, "0:0:0:0:0:0:0:1": false,
	} {
		_, err := New(nil, Options{Credentials: fstest.MapFS{name: {Data: []byte("A: b\n"), Mode: 0o600}}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	big := fstest.MapFS{"h": {Data: bytes.Repeat([]byte("# x\n"), 20<<10), Mode: 0o600}}
	if _, err := New(nil, Options{Credentials: big}); err == nil {
		t.Error("80 KiB pass")
	}
	if _, err := New(nil, Options{Credentials: fstest.MapFS{"sub/h": {Data: []byte("junk"), Mode: 0o666}}}); err != nil {
		t.Errorf("a directory in it: %v", err)
	}
}

func TestCredentialsDirectory(t *testing.T) {
	dir := credentialsDir(t, "h.example", "A: b\n", 0o600)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for mode, ok := range map[os.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o777: false} {
		os.Chmod(dir, mode)
		if _, err := New(nil, Options{Credentials: root.FS()}); (err == nil) != ok {
			t.Errorf("%o: %v", mode, err)
		}
	}
	os.Chmod(dir, 0o700)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "l.example")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(nil, Options{Credentials: root.FS()}); err == nil {
		t.Error("a link out of the directory passes")
	}
	if _, err := New(nil, Options{Credentials: os.DirFS(filepath.Join(dir, "absent"))}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
}
