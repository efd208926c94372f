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
	for _, name := range []string{"index", "", "v1.2", "get.php", "dl.fcgi", "x.aspx", "stable"} {
		for _, p := range pages {
			if m := Check(name, []byte(p)); m == nil || m.Accept != "text/html" {
				t.Errorf("%s: %.20q: %v", name, p, m)
			}
		}
	}
	for _, name := range []string{"index.html", "a.htm", "readme.txt", "a.xml", "a.md", "a.svg"} {
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
		{"a.zip", "PK\x03\x04", true}, {"a.zip", "PK\x05\x06", true}, {"a.zip", "PK\x01\x02", false}, {"a.whl", "PK\x03\x04", true}, {"a.jar", "CAFE", false}, {"", "#!/bin/sh\n", true}, {"get.php", "MZ", true},
		{"a.deb", "!<arch>\ndebian-binary", true}, {"a.deb", "{}", false}, {"a.rpm", "\xed\xab\xee\xdb", true}, {"a.rpm", "PK\x03\x04", false},
		{"a.tar.bz2", "BZh9", true}, {"a.bz2", "x", false}, {"a.tar", "whatever\x00", true}, {"a.run", "#!/bin/sh", true}, {"a.exe", "MZ\x90\x00", true},
		{"a.bin", "\x00\x01", true}, {"gz", "text", true}, {"a.gz.asc", "-----BEGIN", true}, {"a.zip.sha256", "00ff  a.zip", true}, {"a.iso", "", true},
	} {
		if m := Check(c.name, []byte(c.head)); (m == nil) != c.ok || m != nil && m.Accept != "any" {
			t.Errorf("%s: %q: %v", c.name, c.head, m)
		}
	}
}

// TestText: what an origin says with a 200 in place of a binary is no binary.
func TestText(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:6fd5...\nsize 435852734\n"
	zeros := strings.Repeat("\x00", 100)
	for _, c := range []struct{ name, head, why string }{
		{"model.safetensors", pointer, "Git LFS"}, {"bert.onnx", pointer, "Git LFS"}, {"m.gguf", pointer, "Git LFS"}, {"merges.txt", pointer, "Git LFS"},
		{"tokenizer.json", pointer, "Git LFS"}, {"a.zip", pointer, "Git LFS"}, {"data", pointer, "Git LFS"},
		{"model.safetensors", `{"error":"Invalid username or password."}`, "JSON"}, {"a.run", "\n [1]", "JSON"}, {"a.whl", `{"message":"Not Found"}`, "JSON"},
		{"a.iso", "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code></Error>", "XML"}, {"a.deb", "<Error/>", "XML"},
		{"a.run", "404: Not Found", "plain text"}, {"a.bin", "Not Found\n", "plain text"}, {"a.gguf", "Entry not found", "plain text"}, {"a.exe", "zugriff verweigert: \xc3\xa4", "plain text"},
		{"a.rpm", "gone", "plain text"}, {"a.bin", "bytes of /gone.bin", ""}, {"a.tar", "error", "plain text"}, {"a.img", "\xef\xbb\xbfLogin required", "plain text"},
		{"a.iso", "Error " + strings.Repeat("x", 1017) + "\xc3", "plain text"}, {"a.iso", strings.Repeat("x", 1023) + "\xc3", ""},

		{"a.run", "#!/bin/sh\necho", ""}, {"jdk.bin", "#!/bin/sh\n", ""}, {"a.sh", "echo hello\n", ""}, {"a.hex", ":10000000", ""}, {"a.pdf", "%PDF-1.7\n", ""},
		{"a.bin", "firmware in words\n", ""}, {"a.ar", "!<arch>\na.txt/", ""}, {"a.vmdk", "# Disk DescriptorFile\n", ""}, {"a.json", `{"a":1}`, ""}, {"a.txt", "text", ""}, {"install", "echo\n", ""},
		{"a.safetensors", "\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":1}", ""}, {"a.tar", "readme.txt" + zeros + "0000644", ""}, {"a.bin", "MZ\x90\x00", ""}, {"a.bin", "\xff\xfe\xfd", ""},
		{"a.gguf", "GGUF\x03\x00", ""}, {"a.iso", zeros, ""},

		{"a.tar.sign", "-----BEGIN PGP SIGNATURE-----\n", ""}, {"a.tar.gz.asc", "-----BEGIN PGP SIGNATURE-----\n", ""}, {"a.tar.xz.sha256", "00ff  a.tar.xz\n", ""},
		{"a.tar.gz.DIGESTS", "# SHA512 HASH\n", ""}, {"a.tar.zst.minisig", "untrusted comment: x\n", ""}, {"a.tar.gz.intoto.jsonl", `{"a":1}`, ""}, {"a.tar.gz.meta4", "<?xml version='1.0'?><metalink/>", ""},
		{"a.tar.gz", "Not found", "plain text"}, {"a.tar.lrz", "Not found", "plain text"}, {"app.jar", "#!/bin/bash\n", ""}, {"app.jar", "Not found", "plain text"}, {"a.zip", "PK00PK\x03\x04", ""},
		{"libc.so", "/* GNU ld script */\nINPUT(a)\n", ""}, {"libc.so", "File not found", "plain text"}, {"paths.pth", "import os\n", ""}, {"net.pth", "Entry not found", "plain text"},
		{"a.pdf", `{"error":"x"}`, "JSON"}, {"a.vmdk", "<Error/>", "XML"}, {"a.hex", "<?xml?><Error/>", "XML"},
	} {
		m := Check(c.name, []byte(c.head))
		if c.why == "" && m != nil || c.why != "" && (m == nil || !strings.Contains(m.Why, c.why) || m.Accept != "any") {
			t.Errorf("%s: %q: %v, want %q", c.name, c.head, m, c.why)
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

// TestCheckFile: an empty binary is none, and a job that wants a page gets it, but no other error.
func TestCheckFile(t *testing.T) {
	const page = "<!DOCTYPE html>\n<html>"
	for _, c := range []struct {
		name, bytes string
		acceptHTML  bool
		accept      string // of the mismatch; "" for none
	}{
		{"a.run", "", false, "any"}, {"a.run", "", true, "any"}, {"a.txt", "", false, ""}, {"", "", false, ""},
		{"a.run", page, false, "text/html"}, {"a.run", page, true, ""}, {"a.html", page, false, ""},
		{"a.tar.gz", "no gzip", false, "any"}, {"a.tar.gz", "no gzip", true, "any"}, {"a.tar.gz", "\x1f\x8b\x08", false, ""},
	} {
		accept := ""
		if m := CheckFile(c.name, []byte(c.bytes), c.acceptHTML); m != nil {
			accept = m.Accept
		}
		if accept != c.accept {
			t.Errorf("%s, %q, a page is wanted %v: %q, want %q", c.name, c.bytes, c.acceptHTML, accept, c.accept)
		}
	}
}
