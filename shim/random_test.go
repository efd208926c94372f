package shim_test

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The words of which random commands are made: whatever a script might say that ends the same way
// each time.
var (
	randomURLs = []string{"{{o}}/a.run", "{{s}}/b.tar.gz", "{{o}}/c.bin?x=1&y=a/b", "{{s}}/d.sh#frag", "{{o}}/dir/", "{{o}}", "{{s}}/e/../f/./g.bin",
		"{{o}}/missing/x", "{{o}}/unheld/y.bin", "{{o}}/redirect/z.bin", "{{s}}/redirect/w.bin", "{{h}}/schemeless.bin", "{{o}}/p%20q%2Fr.bin",
		"HTTP://{{h}}/upper.bin", "{{o}}/s;t=1,2.bin", "{{o}}//double//slash.bin", "{{o}}/u.bin?", "{{o}}/[1-2].bin", "{{o}}/~v+w:x@y.bin",
		"{{o}}/..", "{{o}}/k/.", "{{o}}/...", "{{o}}?q=/x/y", "ftp://127.0.0.1:1/f", "nonsense://x/y", "''", "-", "http://", "{{o}}/.hid", "{{o}}/a'\"'\"'b",
		"{{o}}/%D0%C2.run", "{{o}}/e.run?x=100%", "{{o}}/disposition/f.run"}
	randomCurl = []string{"-s", "-S", "-f", "-L", "-k", "-sSL", "-fsSL", "-O", "-O", "-o out1", "-o out2", "-oout3", "-sSLo out4", "-o -", "-g", "-R", "--no-progress-meter",
		"--compressed", "-r 0-50", "-C -", "-r 5-", "-X GET", "-X POST", "-d a=b", "-G", "-I", "-A ua", "-e ref", "-H 'Accept: */*'", "-H 'X-A: b'",
		"-H 'Range: bytes=3-9'", "-w '%{http_code}'", "-w '%{size_download}:%{exitcode}'", "-w '%{url_effective}'", "--max-redirs 0", "--max-redirs 2",
		"--remote-name-all", "--next", "-:", "--proto =http", "--proto =http,https", "--proto -http", "--proto-default https", "--proto-redir =https",
		"--fail-early", "--output-dir sub --create-dirs", "--create-dirs -o d1/d2/f", "--url {{o}}/opt.bin", "-T /dev/null", "-z 2030-01-01", "-J", "-OJ",
		"--path-as-is", "-n", "-b a=b", "-i", "--http1.1", "--max-filesize 100", "--no-remote-name", "--remove-on-error", "--no-clobber", "-m 20", "--",
		"-q", "--nosuch", "--sil", "--compr", "-fail", "--limit-rate 10M", "-D hdr", "--fail-with-body", "--xattr", "-v", "-N", "-#", "--retry 0",
		"-b ''", "-b /dev/null", "-x ''", "--noproxy '*'", "--netrc-optional", "-w '%{http_code}%{errormsg}'", "--compressed -w '%{size_download}'", "--raw", "--tlsv1.2", "--tls-max 1.2"}
	randomWget = []string{"-q", "-nv", "-O out1", "-Oout2", "-qO-", "-O -", "-nc", "-c", "-N", "-nd", "-nH", "-x", "-P sub", "--max-redirect=0", "--max-redirect 5",
		"-t 1", "-T 20", "--no-check-certificate", "--no-check-certificate", "-U ua", "--header 'Accept: */*'", "--header 'X-A: b'", "--header 'Range: bytes=3-9'",
		"--referer r", "--start-pos=7", "-S", "--spider", "--post-data=a=b", "--method=GET", "--content-on-error", "--trust-server-names", "--content-disposition",
		"-e robots=off", "-e continue=on", "--no-config", "--backups=1", "--unlink", "--no-use-server-timestamps", "--restrict-file-names=windows",
		"--restrict-file-names=lowercase", "--no-directories", "--directories", "--cut-dirs=1", "-E", "-p", "--default-page=dp", "--no-clobber", "--", "--nosuch",
		"--out x", "--output-d x", "--quiet", "--no-verbose", "-nx", "--no-parent", "-4", "--compression=auto", "--ignore-length", "--random-wait", "-Q 10k",
		"--protocol-directories", "--no-host-directories", "--save-headers", "--progress=dot", "--no-cache", "--adjust-extension", "-a log", "--delete-after", "--limit-rate=10m",
		"-N -P sub", "-N -O out1", "--content-disposition -O out2", "--secure-protocol=auto", "--no-netrc"}
)

// randomCommand draws a command of one tool.
func randomCommand(r *rand.Rand) string {
	tool, words := "curl -sS", randomCurl
	if r.Intn(2) == 0 {
		tool, words = "wget -q -t1", randomWget
	}
	var parts []string
	for range 1 + r.Intn(3) {
		parts = append(parts, randomURLs[r.Intn(len(randomURLs))])
	}
	for range r.Intn(5) {
		parts = append(parts, words[r.Intn(len(words))])
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if tool[0] == 'w' { // which would want the origin's certificate in its own store
		for i := range parts {
			parts[i] = strings.ReplaceAll(parts[i], "{{s}}", "{{o}}")
		}
	}
	prepare := []string{"", "", "", "printf '%s' old > out1; ", "printf '/a.run\\n' > a.run; ", "echo x > index.html; "}[r.Intn(6)]
	return prepare + tool + " " + strings.Join(parts, " ")
}

// TestRandomCommands runs commands of random words directly and through the shim.
// FROMCACHE_TEST_RANDOM is how many, from FROMCACHE_TEST_SEED on.
func TestRandomCommands(t *testing.T) {
	count, seed := 120, 1
	if n, err := strconv.Atoi(os.Getenv("FROMCACHE_TEST_RANDOM")); err == nil {
		count = n
	}
	if n, err := strconv.Atoi(os.Getenv("FROMCACHE_TEST_SEED")); err == nil {
		seed = n
	}
	w := newWorld(t)
	for i := range count {
		command := randomCommand(rand.New(rand.NewSource(int64(seed + i))))
		name := fmt.Sprintf("r%d", seed+i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := strings.NewReplacer("{{o}}", w.origin.URL+"/"+name, "{{s}}", w.secure.URL+"/"+name,
				"{{h}}", strings.TrimPrefix(w.origin.URL, "http://")+"/"+name).Replace(command)
			direct := run(t, at, w.env(t.TempDir(), realPath()))
			shim := run(t, at, w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL, "FROMCACHE_VERBOSE=1"))
			for _, r := range []result{direct, shim} { // logs and headers have times and addresses
				for _, f := range []string{"/log", "/hdr", "/wget-log"} {
					delete(r.files, f)
				}
			}
			if d := differ(direct, shim); d != "" && !strings.Contains(d, "Date: ") {
				t.Errorf("%s\n%s%s", command, d, shim.stderr)
			}
		})
	}
}
