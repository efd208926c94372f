package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// standIns are what this test runs for commands of the README that need the whole machine, or
// another program.
const standIns = `
make() {
	case "$*" in
	run) ;;                          # the server runs already
	build) ;;                        # bin/ holds what was built
	install) command make -C "$REPO" BIN="$PWD/bin" DESTDIR="$PWD/root" install ;;
	*) echo "no stand-in for make $*"; return 1 ;;
	esac
}
sudo() {
	case "$*" in
	"make install") make install ;;
	"fromcache-shim "*install" --system"*) "$@" --root "$PWD/root" ;;
	*) echo "no stand-in for sudo $*"; return 1 ;;
	esac
}
podman() { echo "$*" >>podman.log; } # there may be none, and no registry
settle() { # a person waits until the job has been fetched
	for i in $(seq 300); do
		[ -n "$(ls data/queue data/active 2>&1 | grep hello)" ] || return 0
		sleep 0.1
	done
	return 1
}
`

// TestReadme runs the blocks of the README in one shell, one after the other, with an origin, a
// server and programs of this test. The undo lines in their comments are run at the end.
func TestReadme(t *testing.T) {
	text := readme(t)
	s := newSandbox(t)
	script := "set -eu\n"
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		script += block[1] + "settle\n"
	}
	here := strings.Replace(s.p.url, "127.0.0.1", "localhost", 1)
	said := s.bash(strings.ReplaceAll(script, "http://localhost:3000", here))
	for _, want := range []string{
		`(?m)^ftp\.gnu\.org--hello-2\.12\.tar\.gz--[0-9a-f]{32}$`, ` approve shell`, ` done `, `(?m)^fromcache: .*\bhit\b`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("the commands do not print %s:\n%s", want, said)
		}
	}
	system := []string{"root/usr/local/bin/curl", "root/etc/profile.d/fromcache.sh"}
	own := []string{"home/bin/curlfromcache", "home/.fromcache"}
	s.holds(true, "hello-2.12.tar.gz", "data/meta/ftp.gnu.org--hello*.json", "root/usr/local/bin/fromcache")
	s.holds(true, append(own, system...)...)
	for _, file := range []string{"~/.bashrc", "./.envrc"} {
		got := s.bash(". " + file + `; echo $(command -v curl) $FROMCACHE_SERVER`)
		if got != s.p.dir+"/home/.fromcache/bin/curl http://cache-host:3000\n" {
			t.Errorf("after %s curl is %s", file, got)
		}
	}
	undo := regexp.MustCompile(`(?m)Undo: .*?((?:sudo )?fromcache-shim uninstall.*)$`)
	for _, m := range undo.FindAllStringSubmatch(text, -1) {
		s.bash("PATH=$PWD/bin:$PATH\n" + m[1])
	}
	s.holds(false, append(own, system...)...)
}

// sandbox is a directory that stands for a clone of the repository, and its home/ for a newcomer's.
type sandbox struct {
	t   *testing.T
	p   *process
	env []string
}

func newSandbox(t *testing.T) *sandbox {
	p := newProcess(t, "")
	s := &sandbox{t, p, append(distantOrigin(t, p.dir), "HOME="+p.dir+"/home", "SHELL=/bin/bash")}
	p.must(os.MkdirAll(p.dir+"/home", 0o755))
	build := exec.Command("go", "build", "-o", p.dir+"/bin/", "./cmd/fromcache", "./cmd/fromcache-shim", "./cmd/fromcache-shim-tls")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.env = append(p.env, s.env...)
	p.start()
	return s
}

// bash runs a script after the stand-ins, and returns what it prints.
func (s *sandbox) bash(script string) string {
	s.t.Helper()
	repo, err := filepath.Abs("../..")
	s.p.must(err)
	c := exec.Command("bash", "-c", "REPO="+repo+standIns+script)
	c.Dir, c.Env = s.p.dir, append(os.Environ(), s.env...)
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s\n%s\nthe server says:\n%s", err, script, out, s.p.log())
	}
	return string(out)
}

// holds wants each glob to name something, or nothing.
func (s *sandbox) holds(want bool, globs ...string) {
	s.t.Helper()
	for _, glob := range globs {
		if s.p.there("../"+glob) != want {
			s.t.Errorf("%s: that it is there is %v", glob, !want)
		}
	}
}

// distantOrigin starts what answers for every https URL, behind a proxy, and returns the
// environment that leads there.
func distantOrigin(t *testing.T, dir string) []string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "origin"}, DNSNames: []string{"ftp.gnu.org"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &forward{secure: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Write(append([]byte("\x1f\x8b\x08\x00"), make([]byte, 60_000)...)) //nolint:errcheck // the client tells
	}))}
	f.secure.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	f.secure.StartTLS()
	t.Cleanup(f.secure.Close)
	proxy := httptest.NewServer(f)
	t.Cleanup(func() { proxy.CloseClientConnections(); proxy.Close() })
	address := strings.Replace(proxy.URL, "://", "://operator:secret@", 1)
	return []string{
		"HTTPS_PROXY=" + address, "https_proxy=" + address, "NO_PROXY=", "no_proxy=",
		"SSL_CERT_FILE=" + ca, "CURL_CA_BUNDLE=" + ca, "FROMCACHE_SERVER=", "FROMCACHE_LOOPBACK=",
	}
}

// unlike are the rows whose verb leaves what the shell does not: a line in done/, a job in
// cancelled/ where no worker sees to that.
var unlike = []string{"| evict", "| cancel: the job goes to `cancelled/`"}

// TestReadmeTable runs each command of the table of what to do, in the shell and as a verb, each on
// a data directory of its own.
func TestReadmeTable(t *testing.T) {
	_, rows, _ := strings.Cut(readme(t), "| with a verb |\n|---|---|---|\n")
	rows, _, _ = strings.Cut(rows, "\n\n")
	n := 0
	for row := range strings.SplitSeq(rows, "\n") {
		cells := strings.Split(row, " | ")
		var moves []string // of a row with one command in each cell
		for _, cell := range cells[1:] {
			calls := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1)
			for _, call := range calls {
				moved := runOnTree(t, call[1])
				if len(calls) == 1 {
					moves = append(moves, moved)
				}
				n++
			}
		}
		if len(moves) == 2 && moves[0] != moves[1] && !slices.Contains(unlike, cells[0]) {
			t.Errorf("%s: the shell moves %s, the verb %s", cells[0], moves[0], moves[1])
		}
	}
	if n < 20 {
		t.Errorf("the table has %d commands", n)
	}
}

// runOnTree runs a command in a data directory that has something for each, and returns how many
// files each directory then has more or less.
func runOnTree(t *testing.T, call string) string {
	t.Helper()
	const url = "https://developer.nvidia.com/tool.run"
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s, err := fsstore.Open(data, fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	carry(t, s, url)
	why, err := s.Why(url)
	if err != nil {
		t.Fatal(err)
	}
	job := []byte(url + "\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/7.88.1\n")
	files := []string{"misses/" + why.Key, "failed/" + why.Key + ".job", "../FILE"}
	if strings.Contains(call, "active/") || strings.Contains(call, "cancel") {
		files = append(files, "active/"+why.Key+"@0123456789abcdef.job")
	}
	if (strings.Contains(call, " denied/KEY") && !strings.HasPrefix(call, "mv misses")) || strings.Contains(call, "allow") {
		files = append(files, "denied/"+why.Key)
	}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(data, name), job, 0o660); err != nil {
			t.Fatal(err)
		}
	}
	// What carry left is newer than the failure, so that a retry would take it.
	if err := os.Remove(filepath.Join(data, "done", why.Key+".job")); err != nil {
		t.Fatal(err)
	}
	before := countFiles(t, data)
	script := strings.NewReplacer("HOST/FILE", "vendor.example.com/x.iso", "KEY", why.Key,
		"URL FILE", "--accept any "+url+" ../FILE", "URL", url).Replace(call)
	c := exec.Command("sh", "-ec", `fromcache() { FROMCACHE_DATA_DIR=. "$PROGRAM" "$@"; }; `+script)
	c.Dir = data
	c.Env = append(os.Environ(), "PROGRAM="+fromcacheLink(t, dir))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
	var moved []string
	after := countFiles(t, data)
	for _, st := range append(completeStates(operate.Spool[:]), "meta", "allowed") {
		if n := after[st] - before[st]; n != 0 {
			moved = append(moved, fmt.Sprintf("%s%+d", st, n))
		}
	}
	return strings.Join(moved, " ")
}

// fromcacheLink makes a name for this test's binary by which TestMain makes it the program.
func fromcacheLink(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(dir, "fromcache")
	if err := os.Symlink(os.Args[0], link); err != nil {
		t.Fatal(err)
	}
	return link
}

func countFiles(t *testing.T, data string) map[string]int {
	t.Helper()
	n := map[string]int{}
	files, err := filepath.Glob(data + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		n[filepath.Base(filepath.Dir(f))]++
	}
	return n
}

// TestReadmeNamesWhatThereIs: the README is short, and its calls of make and of help lead
// somewhere.
func TestReadmeNamesWhatThereIs(t *testing.T) {
	text := readme(t)
	if n := strings.Count(text, "\n"); n > 150 {
		t.Errorf("it has %d lines", n)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("[`\n]make ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("it says make %s", m[1])
		}
	}
	root := (&app{where: where{getenv: func(string) string { return "" }}}).command()
	_, list, _ := strings.Cut(text, "\n## Where to read on\n")
	var listed []string
	for _, line := range regexp.MustCompile("(?m)^- (`.*?): ").FindAllStringSubmatch(list, -1) {
		for _, word := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(line[1], -1) {
			listed = append(listed, word[1])
			if !named(root, word[1]) {
				t.Errorf("it lists %s", word[1])
			}
		}
	}
	for _, topic := range topics {
		if !slices.Contains(listed, topic.name) {
			t.Errorf("it does not list %s", topic.name)
		}
	}
}
