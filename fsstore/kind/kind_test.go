package kind

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for url, want := range map[string]string{
		"https://h/cuda.run":                           "cuda.run",
		"https://h/CUDA.RUN?x=y":                       "cuda.run",
		"https://h/a/b/x.tar.gz;v=1":                   "x.tar.gz",
		"https://h/x%2Ezip":                            "x.zip",
		"https://h/download?file=cuda.run":             "cuda.run",
		"https://h/download?a=b&path=%2Fx%2Fy.deb":     "y.deb",
		"https://h/download?id=7":                      "download",
		"https://h/x.zip?file=y.run":                   "x.zip",
		"https://h/get.php?filename=fw.bin":            "fw.bin",
		"https://h/":                                   "",
		"https://h/model-00001-of-00002.safetensors":   "model-00001-of-00002.safetensors",
		"https://h/resolve/main/tokenizer.json?x=.run": "tokenizer.json",
	} {
		if got := Name(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	pages := []string{
		"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n", "<html>", "\n\n  <HTML lang=en>", "\xef\xbb\xbf<!doctype html>", "<!-- hello --><html>", "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC>",
		"<head>", "<script>location='/login'</script>", "<!-- " + strings.Repeat("x", 1000), "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
		"<body>", "<title>", "<meta charset=utf-8>", "<style>", "<h1>Not Found</h1>", "<center>",
	}
	for _, name := range []string{"a.run", "a.tar.lz", "a.deb", "a.rpm", "a.whl", "a.zip", "a.iso", "a.bin", "a.tar.gz", "a.sh", "a.json",
		"a.safetensors", "a.tgz", "a.xz", "a.gpg", "a.exe", "a.img"} {
		for _, p := range pages {
			if m := Check(name, []byte(p)); m == nil || m.Accept != "text/html" {
				t.Errorf("%s: %.20q: %v", name, p, m)
			}
		}
	}
	for _, name := range []string{"index.html", "index", "", "readme.txt", "a.xml", "v1.2", "a.md", "a.svg"} {
		for _, p := range pages {
			if m := Check(name, []byte(p)); m != nil {
				t.Errorf("%s: %.20q: %v", name, p, m)
			}
		}
	}
	for _, c := range []struct {
		name, head string
		ok         bool
	}{
		{"a.tar.gz", "\x1f\x8b\x08", true}, {"a.tar.gz", "ustar", false}, {"a.tgz", "\x1f\x8b", true}, {"a.gz", "\x1f", false},
		{"a.tar.xz", "\xfd7zXZ\x00\x00", true}, {"a.xz", "\x5d\x00\x00", false}, {"a.txz", "\xfd7zXZ\x00", true},
		{"a.zst", "\x28\xb5\x2f\xfd", true}, {"a.tar.zst", "\x5e\x2a\x4d\x18", true}, {"a.zst", "\x60\x2a\x4d\x18", false},
		{"a.zip", "PK\x03\x04", true}, {"a.zip", "PK\x05\x06", true}, {"a.zip", "PK\x01\x02", false}, {"a.whl", "PK\x03\x04", true}, {"a.jar", "CAFE", false},
		{"a.deb", "!<arch>\ndebian-binary", true}, {"a.deb", "{}", false}, {"a.rpm", "\xed\xab\xee\xdb", true}, {"a.rpm", "PK\x03\x04", false},
		{"a.tar.bz2", "BZh9", true}, {"a.bz2", "x", false}, {"a.tar", "whatever", true}, {"a.run", "#!/bin/sh", true}, {"a.exe", "MZ", true},
		{"a.bin", "\x00\x01", true}, {"gz", "text", true}, {"a.gz.asc", "-----BEGIN", true}, {"a.zip.sha256", "00ff  a.zip", true}, {"a.iso", "", true},
	} {
		if m := Check(c.name, []byte(c.head)); (m == nil) != c.ok || m != nil && m.Accept != "any" {
			t.Errorf("%s: %q: %v", c.name, c.head, m)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("https://h/a.run?file=b.zip", []byte("<!-- x --><?xml ?><html>"))
	f.Add("https://h/download?path=%2Fx%2Fy.deb;v", []byte("\xff\xfe<\x00h\x00"))
	f.Fuzz(func(t *testing.T, url string, head []byte) {
		if m := Check(Name(url), head); m != nil && (m.Why == "" || m.Accept != "text/html" && m.Accept != "any") {
			t.Errorf("%q %q: %+v", url, head, m)
		}
	})
}
