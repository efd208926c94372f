package shim_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// clientRun runs a shell line in which $S is the program, with a home of its own.
func clientRun(t *testing.T, home, line string, env ...string) result {
	return run(t, line, append([]string{"S=" + binary, "HOME=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + home}, env...))
}

// want runs a line and checks its status and that its output has each of the wanted texts, or with
// a leading ! has not.
func want(t *testing.T, home, line string, status int, texts ...string) {
	t.Helper()
	r := clientRun(t, home, line)
	if r.status != status {
		t.Errorf("%s: status %d, want %d\n%s%s", line, r.status, status, r.stdout, r.stderr)
	}
	for _, text := range texts {
		not := strings.HasPrefix(text, "!")
		if strings.Contains(r.stdout+r.stderr, strings.TrimPrefix(text, "!")) == not {
			t.Errorf("%s: %s in\n%s%s", line, text, r.stdout, r.stderr)
		}
	}
}

func names(dir string) string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestInstall(t *testing.T) {
	home := t.TempDir()
	dir := home + "/.fromcache/bin"
	all := "curl curlfromcache fromcache-shim fromcache-shim-tls wget wgetfromcache"
	want(t, home, "$S install", 0, "installed", "eval", "FROMCACHE_SERVER is not set yet")
	if got := names(dir); got != all {
		t.Fatal(got)
	}
	want(t, home, "$S install && ~/.fromcache/bin/fromcache-shim install", 0)
	want(t, home, "~/.fromcache/bin/curl --version", 0, "libcurl")
	want(t, home, "~/.fromcache/bin/wgetfromcache --version", 0, "GNU Wget")
	want(t, home, "$S uninstall --tools wget", 0, "removed")
	if got := names(dir); got != "curl curlfromcache fromcache-shim fromcache-shim-tls" {
		t.Error(got)
	}
	want(t, home, "~/.fromcache/bin/fromcache-shim uninstall", 0)
	if got := names(home); got != "" {
		t.Errorf("left %s", got)
	}
	want(t, home, "$S uninstall", 0, "!removed")
	want(t, home, "$S install --dir \"$HOME/a b\" --tools curl --server cache.lab", 0, "!not set yet", "'"+home+"/a b/fromcache-shim'")
	if got := names(home + "/a b"); got != "curl curlfromcache fromcache-shim fromcache-shim-tls" {
		t.Error(got)
	}
	want(t, home, "$S install --dir=$HOME/byname --tools=curlfromcache,wgetfromcache", 0)
	if got := names(home + "/byname"); got != "curlfromcache fromcache-shim fromcache-shim-tls wgetfromcache" {
		t.Error(got)
	}
	want(t, home, "HOME= $S install", 1, "HOME")
	for _, bad := range []string{"--tools ftp", "--dir", "--dir x --system", "--nonsense", "x", "--server ftp://x", "--ca-file ca.pem"} {
		want(t, home, "$S install "+bad, 2, "fromcache-shim: ")
	}
}

// TestForeignFiles holds that a file that is not the shim's own is neither replaced nor removed, and that
// nothing changes if one is in the way.
func TestForeignFiles(t *testing.T) {
	home := t.TempDir()
	dir := home + "/.fromcache/bin"
	for what, make := range map[string]func(path string) error{
		"a program":        func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\necho mine\n"), 0o755) },
		"a link":           func(p string) error { return os.Symlink("/usr/bin/curl", p) },
		"a directory":      func(p string) error { return os.Mkdir(p, 0o755) },
		"a dangling link":  func(p string) error { return os.Symlink("/no/such", p) },
		"an empty program": func(p string) error { return os.WriteFile(p, nil, 0o755) },
	} {
		os.RemoveAll(home + "/.fromcache")
		os.MkdirAll(dir, 0o755)
		if err := make(dir + "/wget"); err != nil {
			t.Fatal(err)
		}
		want(t, home, "$S install", 1, "wget is not the shim's own")
		if got := names(dir); got != "wget" {
			t.Errorf("%s: %s", what, got)
		}
		want(t, home, "$S install --tools curl && $S uninstall", 0, "wget is not the shim's own and stays")
		if got := names(dir); got != "wget" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestReplacesOlder holds that install replaces an older build of this program, as a copy under a
// tool's name too.
func TestReplacesOlder(t *testing.T) {
	home := t.TempDir()
	dir := home + "/.fromcache/bin"
	os.MkdirAll(dir, 0o755)
	data, _ := os.ReadFile(binary)
	old := append(data, "an older build"...)
	os.WriteFile(dir+"/fromcache-shim", old, 0o755)
	os.WriteFile(dir+"/curl", old, 0o755)
	want(t, home, "$S install", 0)
	if got, _ := os.ReadFile(dir + "/fromcache-shim"); len(got) != len(data) {
		t.Errorf("%d bytes, want %d", len(got), len(data))
	}
	if !sameFile(dir+"/curl", dir+"/fromcache-shim") {
		t.Error("curl is not renewed")
	}
}

// TestInstallNames holds that the tools are no symbolic links, so that who resolves one still finds
// its name, that links of an older release are replaced, and that what install finds of ours comes
// along.
func TestInstallNames(t *testing.T) {
	home := t.TempDir()
	dir := home + "/.fromcache/bin"
	os.MkdirAll(dir, 0o755)
	os.Symlink("fromcache-shim", dir+"/curl")
	os.Symlink("fromcache-shim", dir+"/wget")
	want(t, home, "$S install --tools curl", 0)
	if got := names(dir); got != "curl curlfromcache fromcache-shim fromcache-shim-tls wget" {
		t.Error(got)
	}
	for _, name := range []string{"curl", "curlfromcache", "wget"} {
		if info, err := os.Lstat(dir + "/" + name); err != nil || !info.Mode().IsRegular() || !sameFile(dir+"/"+name, dir+"/fromcache-shim") {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	want(t, home, "PATH=~/.fromcache/bin:$PATH; bash -c 'exec -a x ~/.fromcache/bin/curl --version'; $(realpath $(command -v wget)) --version", 0, "libcurl", "GNU Wget")
	want(t, home, "$S install && $S install", 0)
	if got := names(dir); got != "curl curlfromcache fromcache-shim fromcache-shim-tls wget wgetfromcache" {
		t.Error(got)
	}
	want(t, home, "eval \"$(~/.fromcache/bin/fromcache-shim env)\"; $S status", 0, dir+"/curl (the shim) becomes /usr/bin/curl", "installed in "+dir)
	os.Remove(dir + "/curl")
	if err := copyOf(dir + "/curl"); err != nil {
		t.Fatal(err)
	}
	want(t, home, "$S uninstall", 0)
	if got := names(home); got != "" {
		t.Errorf("left %s", got)
	}
}

func sameFile(a, b string) bool {
	x, err1 := os.Lstat(a)
	y, err2 := os.Lstat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func TestSystem(t *testing.T) {
	home, root := t.TempDir(), t.TempDir()
	want(t, home, "FROMCACHE_SERVER=http://cache.lab:3000 FROMCACHE_CA_FILE='/etc/a ca.pem' $S install --system --root "+root, 0, "every user")
	if got := names(root + "/usr/local/bin"); got != "curl curlfromcache fromcache-shim fromcache-shim-tls wget wgetfromcache" {
		t.Error(got)
	}
	profile := root + "/etc/profile.d/fromcache.sh"
	for _, path := range []string{"/usr/local/bin:/usr/bin:/bin", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "/usr/bin:/bin"} {
		r := clientRun(t, home, "PATH="+path+"; . "+profile+"; . "+profile+"; echo $PATH $FROMCACHE_SERVER $FROMCACHE_CA_FILE")
		wanted := path
		if path == "/usr/bin:/bin" {
			wanted = "/usr/local/bin:" + path
		}
		if r.stdout != wanted+" http://cache.lab:3000 /etc/a ca.pem\n" {
			t.Errorf("%s: %s", path, r.stdout)
		}
	}
	want(t, home, "$S uninstall --system --root "+root, 0, "removed")
	if left, _ := filepath.Glob(root + "/*/*/*"); len(names(root+"/etc/profile.d")+names(root+"/usr/local/bin")) != 0 {
		t.Errorf("left %v", left)
	}
	os.WriteFile(profile, []byte("export MINE=1\n"), 0o644)
	want(t, home, "$S install --system --root "+root, 1, "fromcache.sh is not the shim's own")
	want(t, home, "$S uninstall --system --root "+root, 0, "stays")
}

// TestEnv evaluates what env prints in the shells that are here, twice, and undoes it.
func TestEnv(t *testing.T) {
	home := t.TempDir() + "/it's a home"
	os.Mkdir(home, 0o755)
	want(t, home, "$S install", 0)
	posix := `eval "$("$HOME/.fromcache/bin/fromcache-shim" env)"; eval "$("$HOME/.fromcache/bin/fromcache-shim" env --shell X)"
		command -v curl; echo "$PATH" "$FROMCACHE_SERVER" $FROMCACHE_CA_FILE; eval "$("$HOME/.fromcache/bin/fromcache-shim" env --off)"; echo "$PATH" "$FROMCACHE_SERVER" $FROMCACHE_CA_FILE`
	fish := `"$HOME/.fromcache/bin/fromcache-shim" env --shell fish | source; "$HOME/.fromcache/bin/fromcache-shim" env --shell fish | source
		command -v curl; echo (string join : $PATH) "$FROMCACHE_SERVER" $FROMCACHE_CA_FILE; "$HOME/.fromcache/bin/fromcache-shim" env --shell=fish --off | source; echo (string join : $PATH) "$FROMCACHE_SERVER" $FROMCACHE_CA_FILE`
	dir := home + "/.fromcache/bin"
	const path = "/usr/local/bin:/usr/bin:/bin"
	wanted := dir + "/curl\n" + dir + ":" + path + " http://cache.lab:3000 /etc/ca.pem\n" + path + " \n"
	for _, shell := range []string{"sh", "bash", "zsh", "fish"} {
		if _, err := exec.LookPath(shell); err != nil && (shell == "zsh" || shell == "fish") {
			continue
		}
		code := strings.ReplaceAll(posix, "X", shell)
		if shell == "fish" {
			code = fish
		}
		cmd := exec.Command(shell, "-c", code)
		cmd.Env = []string{"HOME=" + home, "PATH=" + path, "FROMCACHE_SERVER=http://cache.lab:3000", "FROMCACHE_CA_FILE=/etc/ca.pem"}
		if out, err := cmd.CombinedOutput(); string(out) != wanted {
			t.Errorf("%s: %v\n%s\nwant\n%s", shell, err, out, wanted)
		}
	}
	want(t, home, "$S env --dir /x --server cache:1", 0, "/x:", "FROMCACHE_SERVER=cache:1")
	want(t, home, "SHELL=/usr/bin/fish $S env --dir /x", 0, "set -gx PATH '/x'")
	want(t, home, "$S env --dir /x", 0, "!FROMCACHE_SERVER", "!FROMCACHE_CA_FILE")
	want(t, home, "$S env --dir /x --ca-file /etc/ca.pem", 0, "export FROMCACHE_CA_FILE=/etc/ca.pem")
}

func TestStatusAndDoctor(t *testing.T) {
	home := t.TempDir()
	url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		holds(w, r)
		if strings.HasSuffix(r.URL.Path, "/missing.run") || !strings.HasPrefix(r.URL.Path, "/b/aHR0c") && r.URL.Path != "/healthz" {
			w.WriteHeader(404)
		}
	})
	front := "PATH=" + tools + ":$PATH; "
	want(t, home, "$S status", 0, "curl: /usr/bin/curl (not the shim)", "cache: none")
	want(t, home, front+"export FROMCACHE_SERVER=cache:3000,http://b; $S status", 0,
		"curl: "+tools+"/curl (the shim) becomes /usr/bin/curl", "wget cache: http://cache:3000", "curl cache: http://b")
	want(t, home, "PATH="+tools+" $S status", 0, "/curl (the shim) becomes /usr/bin/curl")
	server := front + "export FROMCACHE_SERVER=" + url + "; "
	want(t, home, server+"$S doctor", 0, "ok    curl", "ok    wget", "ok    cache "+url, "ok    clock", "for root", "!wrong")
	want(t, home, server+"$S doctor https://v.example/a.run https://v.example/missing.run?sig=secret http://localhost/x", 0,
		"curl: hit: https://v.example/a.run", "wget: miss: https://v.example/missing.run?...", "pass: http://localhost/x", "!secret")
	want(t, home, "FROMCACHE_SERVER="+url+" $S doctor", 1, "wrong curl: /usr/bin/curl (not the shim)")
	want(t, home, front+"$S doctor", 1, "wrong no cache")
	want(t, home, front+"FROMCACHE_SERVER=127.0.0.1:1 $S doctor", 1, "does not answer")
	want(t, home, server+"http_proxy=http://user:secret@proxy:1 $S doctor", 0, "note  http_proxy=http://...@proxy:1", "!secret")
	want(t, home, server+"echo 'user = a:b' > $HOME/.curlrc; $S doctor; rm $HOME/.curlrc", 0, "wrong curl: every call passes: curlrc: user carries credentials")
	skewed, _ := rawCache(t, func(c net.Conn) {
		c.Write([]byte("HTTP/1.1 200 OK\r\nDate: " + time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) + "\r\n\r\n"))
	})
	r := clientRun(t, home, front+"FROMCACHE_SERVER="+skewed+" $S doctor")
	said := regexp.MustCompile(`wrong clock differs from the cache's by (\d+) s`).FindStringSubmatch(r.stdout + r.stderr)
	if by := 0; r.status != 1 || said == nil {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	} else if fmt.Sscan(said[1], &by); by < 3600 || by > 3660 { // a second may begin, or several, before it reads the answer
		t.Error(said[0])
	}
}

// TestWrongServer holds that an address that can't be used is named, with what is wrong, by every
// verb that speaks of it and by FROMCACHE_VERBOSE=1, and never otherwise; a password in it by none.
func TestWrongServer(t *testing.T) {
	home := t.TempDir()
	url, _ := cacheOf(t, holds)
	for address, why := range map[string]string{
		"htp://cache:3000":               "htp://cache:3000 can't be used: not an http or https URL",
		"cache:30000000":                 "cache:30000000 can't be used: the URL's port is no number from 1 to 65535",
		"http://cache:":                  "the URL's port is no number",
		"http://user:secret@cache:3000/": "http://...@cache:3000/ can't be used: the URL carries credentials",
		"http://cache:3000/?x=secret":    "http://cache:3000/?... can't be used: it has a query",
		"http://cache:3000/[a]":          "curl would take its path for a pattern",
		"http://cäche:3000":              "the URL has bytes that need quoting",
		"http://cache_:3000\\":           "the URL has bytes that need quoting",
		"http://-cache":                  "the URL's host is unusual",
	} {
		set := "export PATH=" + tools + ":$PATH FROMCACHE_SERVER='" + address + "'; "
		want(t, home, set+"$S doctor", 1, "wrong FROMCACHE_SERVER: ", why, "!secret", "!not set")
		want(t, home, set+"$S status", 0, "curl cache: FROMCACHE_SERVER: ", why, "!secret")
		want(t, home, set+"$S plan curl https://v.example/a", 0, "curl: pass: FROMCACHE_SERVER: ", why, "!secret")
		want(t, home, "$S install --server '"+address+"'", 2, "--server: ", "!secret")
		both := "export FROMCACHE_SERVER='" + address + ", " + url + "'; "
		want(t, home, both+"$S plan curl https://v.example/a", 0, "curl: hit: https://v.example/a from "+url+"; FROMCACHE_SERVER: ", why, "!secret")
		for _, verbose := range []string{"", "1"} {
			r := clientRun(t, home, "PATH="+fake(t, "curl", "wget")+"; FROMCACHE_VERBOSE="+verbose+" FROMCACHE_SERVER='"+address+"' "+tools+"/wget https://v.example/a")
			if r.status != 0 || strings.Contains(r.stderr, why) != (verbose == "1") || verbose == "" && r.stderr != "" || strings.Contains(r.stderr, "secret") {
				t.Errorf("%s, verbose %q: %+v", address, verbose, r)
			}
		}
	}
	want(t, home, "CURLFROMCACHE_SERVER=x://y WGETFROMCACHE_SERVER=z://y $S status", 0, "curl cache: CURLFROMCACHE_SERVER: x://y", "wget cache: WGETFROMCACHE_SERVER: z://y")
}

// TestDoctorKnowsStrangers holds that a web server that answers 200 to all, and a cache that speaks
// the other scheme, are named as what they are.
func TestDoctorKnowsStrangers(t *testing.T) {
	home := t.TempDir()
	stranger, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<h1>It works!</h1>") })
	w := newWorld(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(w.serveCache))
	defer secure.Close()
	front := "export PATH=" + tools + ":$PATH CURL_CA_BUNDLE=" + w.caOf(t, secure) + "; FROMCACHE_SERVER="
	plain, tls := strings.TrimPrefix(w.cache.URL, "http"), strings.TrimPrefix(secure.URL, "https")
	want(t, home, front+stranger+" $S doctor", 1, "wrong cache "+stranger+" is no cache-host: it answers 200 to all")
	want(t, home, front+w.cache.URL+" $S doctor", 0, "ok    cache "+w.cache.URL, "!wrong")
	want(t, home, front+secure.URL+" $S doctor", 0, "ok    cache "+secure.URL, "!wrong")
	want(t, home, front+"https"+plain+" $S doctor", 1, "wrong cache https"+plain+" does not speak https: its address is http"+plain)
	want(t, home, front+"http"+tls+" $S doctor", 1, "wrong cache http"+tls+" does not speak http: its address is https"+tls)
	fault := "export PATH=" + tools + ":$PATH CURL_CA_BUNDLE=; FROMCACHE_SERVER="
	want(t, home, fault+secure.URL+" $S doctor", 1, "wrong cache "+secure.URL+" can't be used: curl does not trust the cache's certificate; FROMCACHE_CA_FILE names",
		": fromcache help https", "!does not speak")
	want(t, home, fault+"http"+tls+" $S doctor", 1, "wrong cache http"+tls+": it answers 400: if it speaks https, write https"+tls)
	want(t, home, "export FROMCACHE_SERVER=http"+tls+"; $S plan curl https://v.example/a; $S plan wget https://v.example/a", 0,
		"curl: pass: https://v.example/a (it answers 400: if it speaks https, write https"+tls+")", "wget: pass: ", "!not held")
	for range 2 { // the second time its stamp says it
		want(t, home, "export FROMCACHE_SERVER="+stranger+"; $S plan curl https://v.example/a", 0, "curl: pass: https://v.example/a (", "is no cache-host")
	}
}

func TestPlanVerb(t *testing.T) {
	home := t.TempDir()
	url, _ := cacheOf(t, holds)
	server := "export FROMCACHE_SERVER=" + url + "; "
	const c = "/b/aHR0cHM6Ly92LmV4YW1wbGUvYQ/a"
	want(t, home, server+"$S plan -- curl -fsSL https://v.example/a -o 'x y'", 0, "curl: hit: https://v.example/a", "/usr/bin/curl -fsSL "+url+c+" -o 'x y'\n")
	want(t, home, server+"$S plan wget https://v.example/a", 0, "/usr/bin/wget "+url+c+"\n")
	want(t, home, server+"http_proxy=p:1 $S plan -- wget https://v.example/a", 0, "no_proxy=127.0.0.1 /usr/bin/wget ")
	want(t, home, server+"$S plan -- curl -d \"it's\" https://v.example/a", 0, "curl: pass: ", `-d 'it'\''s' https://v.example/a`)
	want(t, home, "$S plan -- curl https://v.example/a", 0, "pass: no cache is set", "/usr/bin/curl https://v.example/a\n")
	want(t, home, "$S plan -- rsync x", 2, "curl and wget")
	want(t, home, "$S plan", 2)
	want(t, home, "$S", 2, "usage")
	want(t, home, "$S nonsense", 2, "unknown verb nonsense; see")
	want(t, home, "$S instal", 2, "unknown verb instal (did you mean install?)")
	want(t, home, "$S install --help", 0, "usage", "--tools NAMES")
	want(t, home, "$S help; $S --help; $S version; $S --version", 0, "usage", "fromcache-shim ")
}
