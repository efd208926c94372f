package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A wheel is a zip archive that pip, pipx and uv install (PEP 427). Ours holds static programs as
// scripts and no Python: an installer copies them into the bin directory of an environment.
type wheel struct {
	version           string // in PEP 440's form
	system, processor string // as Go names them
	made              time.Time
}

// platforms are the tags of PEP 425 for what a wheel runs on. The programs are static, so that any
// C library will do: one wheel is for glibc (PEP 600; manylinux2014 is its older name) and musl
// (PEP 656). 12.0 is the oldest macOS on which what Go 1.26 builds runs.
var platforms = map[string][]string{
	"linux/amd64":  {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"},
	"linux/arm64":  {"manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"},
	"darwin/amd64": {"macosx_12_0_x86_64"},
	"darwin/arm64": {"macosx_12_0_arm64"},
}

// serverScript is a program of its own name that costs no second copy. An installer may link to
// it from elsewhere; fromcache lies beside the file that it links to.
const serverScript = `#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/fromcache" serve "$@"
`

// scripts are the commands of a wheel and the files of a build that they are made from. Those of
// the shim are copies, because a zip archive has no hard links, and the shim has to start fast.
var scripts = []struct{ name, program string }{
	{"curlfromcache", "fromcache-shim"},
	{"fromcache", "fromcache"},
	{"fromcache-server", ""},
	{"fromcache-shim", "fromcache-shim"},
	{"fromcache-shim-tls", "fromcache-shim-tls"},
	{"wgetfromcache", "fromcache-shim"},
}

// about is the core metadata, as PEP 566 has it. The text after the blank line is its description.
const about = `Metadata-Version: 2.1
Name: fromcache
Version: %s
Summary: A cache of downloads that operators approve: the cache-host, and a shim for curl and wget
License: BSD-3-Clause
Classifier: Environment :: Console
Classifier: Operating System :: MacOS
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: Internet :: WWW/HTTP
Description-Content-Type: text/markdown

%s`

// writeWheel packs the programs of a directory, with the README and the license of the directory
// above which make runs, into a wheel in the directory to. It returns the wheel's name. The same
// programs make the same bytes.
func writeWheel(w wheel, programs, to string) (string, error) {
	tags, ok := platforms[w.system+"/"+w.processor]
	if !ok {
		return "", fmt.Errorf("there is no wheel for %s on %s", w.system, w.processor)
	}
	name := fmt.Sprintf("fromcache-%s-py3-none-%s.whl", w.version, strings.Join(tags, "."))
	var b bytes.Buffer
	if err := w.write(&b, tags, programs); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(to, name), b.Bytes(), 0o644)
}

func (w wheel) write(out io.Writer, tags []string, programs string) error {
	a := &archive{zip: zip.NewWriter(out), made: w.made}
	a.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	base := "fromcache-" + w.version
	for _, s := range scripts {
		content, err := []byte(serverScript), error(nil)
		if s.program != "" {
			content, err = os.ReadFile(filepath.Join(programs, s.program))
		}
		a.add(base+".data/scripts/"+s.name, 0o755, content, err)
	}
	// What describes a wheel comes last, as PEP 427 recommends.
	info := base + ".dist-info/"
	license, err := os.ReadFile("LICENSE")
	a.add(info+"LICENSE", 0o644, license, err)
	readme, err := os.ReadFile("README.md")
	a.add(info+"METADATA", 0o644, fmt.Appendf(nil, about, w.version, readme), err)
	kind := "Wheel-Version: 1.0\nGenerator: fromcache-dist\nRoot-Is-Purelib: false\n"
	for _, tag := range tags {
		kind += "Tag: py3-none-" + tag + "\n"
	}
	a.add(info+"WHEEL", 0o644, []byte(kind), nil)
	a.add(info+"RECORD", 0o644, []byte(a.record.String()+info+"RECORD,,\n"), nil)
	return errors.Join(a.err, a.zip.Close())
}

// An archive keeps the first error, and a line of RECORD for each of its files.
type archive struct {
	zip    *zip.Writer
	made   time.Time
	record strings.Builder
	err    error
}

// add writes a file. err is why its content could not be read.
func (a *archive) add(name string, mode os.FileMode, content []byte, err error) {
	if a.err = cmp.Or(a.err, err); a.err != nil {
		return
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.made}
	h.SetMode(mode)
	out, err := a.zip.CreateHeader(h)
	if err == nil {
		_, err = out.Write(content)
	}
	a.err = err
	sum := sha256.Sum256(content)
	fmt.Fprintf(&a.record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
}
