package shim_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// place puts a copy, link or script into a new directory and returns the directory.
func place(t *testing.T, name string, how func(path string) error) string {
	dir := t.TempDir()
	if err := how(dir + "/" + name); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyOf(path string) error {
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o755)
}

func hardLink(path string) error {
	if os.Link(binary, path) == nil {
		return nil
	}
	return copyOf(path)
}

func symlink(path string) error { return os.Symlink(binary, path) }

func script(text string) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), 0o755) }
}

// chain is an arrangement of shims and wrappers on PATH, and what a fake curl behind it prints: C
// for the cache's URL, U for the one that was asked for.
type chain struct {
	name, path, env, want string
	status                int
}

// chains also returns the first shim.
func chains(t *testing.T, missing string) (list []chain, a, real string) {
	real = fake(t, "curl")
	a = place(t, "curl", copyOf)
	b := place(t, "curl", copyOf)
	hard, soft := place(t, "curl", hardLink), place(t, "curl", symlink)
	soft2 := place(t, "curl", func(p string) error { return os.Symlink(a+"/curl", p) })
	wrapper := place(t, "curl", script("#!/bin/sh\nexec curl \"$@\"\n"))
	adding := place(t, "curl", script("#!/bin/sh\nexec curl -sS \"$@\"\n"))
	twice := place(t, "curl", script("#!/bin/sh\ncurl \"$@\"\ncurl \"$@\"\n"))
	bare := place(t, "curl", script("exec "+real+"/curl bare \"$@\"\n"))
	broken := place(t, "curl", script("#!/no/such/interpreter\n"))
	notExecutable := place(t, "curl", func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) })
	directory := place(t, "curl", func(p string) error { return os.Mkdir(p, 0o755) })
	noDefault := triedByNow(t, "curl")
	return []chain{
		{"one", a + ":" + real, "", "curl|C|", 0},
		{"two copies", a + ":" + b + ":" + real, "", "curl|C|", 0},
		{"all kinds", a + ":" + soft + ":" + hard + ":" + soft2 + ":" + b + ":" + real, "", "curl|C|", 0},
		{"the same directory twice", a + ":" + a + ":" + real + ":" + a, "", "curl|C|", 0},
		{"the shim behind the tool", real + ":" + a, "", "curl|U|", 0},
		{"a wrapper behind", a + ":" + wrapper + ":" + real, "", "curl|C|", 0},
		{"wrappers and copies", a + ":" + wrapper + ":" + b + ":" + adding + ":" + real, "", "curl|-sS|C|", 0},
		{"a wrapper that calls twice", a + ":" + twice + ":" + real, "", "curl|C|", 0},
		{"a script without #!", a + ":" + bare + ":" + real, "", "curl|bare|C|", 0},
		{"a broken script", a + ":" + broken + ":" + real, "", "curl|C|", 0},
		{"no program", a + ":" + notExecutable + ":" + directory + "::/nonexistent:" + real, "", "curl|C|", 0},
		{"REAL_CURL", a, "REAL_CURL=" + real + "/curl", "curl|C|", 0},
		{"REAL_CURL by name", a + ":" + real, "REAL_CURL=curl", "curl|C|", 0},
		{"REAL_CURL is the shim", a + ":" + real, "REAL_CURL=" + a + "/curl", "curl|C|", 0},
		{"REAL_CURL is a copy", a + ":" + real, "REAL_CURL=" + b + "/curl", "curl|C|", 0},
		{"REAL_CURL is a link to it", a + ":" + real, "REAL_CURL=" + soft2 + "/curl", "curl|C|", 0},
		{"REAL_CURL is not there", a + ":" + real, "REAL_CURL=/no/such/curl", "curl|C|", 0},
		{"REAL_CURL is empty", a + ":" + real, "REAL_CURL=", "curl|C|", 0},
		{"REAL_CURL is a wrapper", a + ":" + real, "REAL_CURL=" + adding + "/curl", "curl|-sS|C|", 0},
		{"alone", a, noDefault, "", 127},
		{"alone, two", a + ":" + b + ":" + soft2, noDefault, "", 127},
		{"alone with itself", a, noDefault + "\nREAL_CURL=" + a + "/curl", "", 127},
		{"off", a + ":" + b + ":" + real, "FROMCACHE_CURL_SERVER=off", "curl|U|", 0},
		{"a miss", a + ":" + b + ":" + wrapper + ":" + real, "FROMCACHE_CURL_SERVER=" + missing, "curl|U|", 0},
	}, a, real
}

// TestChains holds that no arrangement of shims and wrappers loops, that the real tool is found
// behind it, and that the cache is asked once.
func TestChains(t *testing.T) {
	url, asked := cacheOf(t, holds)
	missing, _ := cacheOf(t, http.NotFound)
	list, a, real := chains(t, missing)
	for _, c := range list {
		asked.Store(0)
		first := a
		if strings.HasPrefix(c.path, real) {
			first = real
		}
		cmd := exec.Command(first+"/curl", vendorURL)
		cmd.Env = append(slices.Clone(patient), "PATH="+c.path, "FROMCACHE_SERVER="+url, "TMPDIR="+t.TempDir())
		cmd.Env = append(cmd.Env, strings.Split(c.env, "\n")...)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, _ := cmd.Output()
		got := strings.NewReplacer(url+"/b/aHR0cHM6Ly92ZW5kb3IuZXhhbXBsZS9oZWxkL3Rvb2wucnVu/tool.run", "C", vendorURL, "U").Replace(string(out))
		if !strings.HasPrefix(got, c.want) || cmd.ProcessState.ExitCode() != c.status {
			t.Errorf("%s: %q, status %d, %q, want %q", c.name, got, cmd.ProcessState.ExitCode(), errs.String(), c.want)
		}
		if n := asked.Load(); n > 1 || strings.Contains(c.want, "C") && n != 1 {
			t.Errorf("%s: asked %d times", c.name, n)
		}
		if c.status == 127 && (!strings.Contains(errs.String(), "no real curl") || strings.Count(errs.String(), "\n") != 1) {
			t.Errorf("%s: %q", c.name, errs.String())
		}
	}
}

// triedByNow is an environment in which the machine's own tool was tried already, so that there is
// none.
func triedByNow(t *testing.T, tool string) string {
	env := "FROMCACHE_TRIED="
	for _, dir := range []string{"/usr/local/bin/", "/usr/bin/", "/bin/"} {
		if info, err := os.Stat(dir + tool); err == nil {
			st := info.Sys().(*syscall.Stat_t)
			env += fmt.Sprintf("%x:%x ", st.Dev, st.Ino)
		}
	}
	return env
}

// TestDefaultPath holds that the real tool is found where PATH leads to the shim alone, as in a
// sandbox of links, and that nothing is found only where the usual directories have none.
func TestDefaultPath(t *testing.T) {
	hosttools := t.TempDir()
	for _, name := range []string{"curl", "wget"} {
		os.Symlink(binary, hosttools+"/"+name)
	}
	for _, path := range []string{hosttools, "", "/nonexistent", hosttools + ":" + tools} {
		for name, says := range map[string]string{"curl": "curl ", "wget": "GNU Wget "} {
			cmd := exec.Command(hosttools+"/"+name, "--version")
			cmd.Env = []string{"PATH=" + path}
			if out, err := cmd.Output(); !strings.HasPrefix(string(out), says) {
				t.Errorf("PATH=%s %s: %.40q %v", path, name, out, err)
			}
		}
	}
	want(t, t.TempDir(), "PATH="+hosttools+" $S status", 0, hosttools+"/curl (the shim) becomes /usr/bin/curl")
	want(t, t.TempDir(), "PATH="+hosttools+" "+strings.Replace(triedByNow(t, "wget"), "=", "='", 1)+"' "+hosttools+"/wget x", 127,
		"no real wget on PATH, nor in /usr/local/bin:/usr/bin:/bin; set REAL_WGET to its path")
}

// TestRelativePath holds that PATH is read as execvp(3) does: empty and relative elements, and none
// at all.
func TestRelativePath(t *testing.T) {
	real := fake(t, "curl")
	for _, path := range []string{"PATH=", "PATH=:", "PATH=.", "PATH=" + tools + ":."} {
		cmd := exec.Command(tools+"/curl", "x")
		cmd.Dir, cmd.Env = real, []string{path}
		if out, err := cmd.Output(); !strings.HasPrefix(string(out), "curl|x|") {
			t.Errorf("%s: %q %v", path, out, err)
		}
	}
	cmd := exec.Command(tools+"/curl", "--version")
	cmd.Env = []string{"NOTHING=1"}
	if out, err := cmd.Output(); !strings.HasPrefix(string(out), "curl ") {
		t.Errorf("no PATH: %q %v", out, err)
	}
}

// TestArgumentsUntouched holds that what passes passes byte for byte, whatever it is.
func TestArgumentsUntouched(t *testing.T) {
	url, _ := cacheOf(t, holds)
	for _, args := range [][]string{
		{}, {""}, {"", ""}, {"--"}, {"-"}, {"-s", "a b", "c\nd", "\xff\xfe", "*", "$HOME", `\`}, {"-o"}, {"--nonsense", vendorURL},
		{"-d", "@-", vendorURL}, {"https://ü.example/x"}, {strings.Repeat("x", 100000)}, {"http://" + strings.Repeat("a", 9000) + "/held"},
	} {
		for _, server := range []string{"", url} {
			cmd := exec.Command(tools+"/curl", args...)
			cmd.Env = append(slices.Clone(patient), "PATH="+fake(t, "curl")+":/usr/bin:/bin", "FROMCACHE_SERVER="+server, "TMPDIR="+t.TempDir())
			out, err := cmd.Output()
			want := "curl|" + strings.Join(args, "|") + "|"
			if len(args) == 0 {
				want = "curl|"
			}
			if !strings.HasPrefix(string(out), want+"no_proxy=") {
				t.Errorf("%.80q: %.120q %v", args, out, err)
			}
		}
	}
}

// TestNames holds by which names the program is which tool.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"curl": "curl|x|", "wget": "wget|x|", "curlfromcache": "curl|x|", "wgetfromcache": "wget|x|",
	} {
		os.Symlink(binary, dir+"/"+name)
		cmd := exec.Command(dir+"/"+name, "x")
		cmd.Env = []string{"PATH=" + fake(t, "curl", "wget")}
		if out, err := cmd.Output(); !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
	os.Symlink("curl", dir+"/x")
	os.Symlink(dir+"/x", dir+"/y")
	hard := place(t, "wget", hardLink)
	os.Symlink(hard+"/wget", dir+"/z")
	env := []string{"PATH=" + dir + ":" + fake(t, "curl", "wget")}
	for _, c := range []struct{ path, argv0, want string }{
		{dir + "/x", dir + "/x", "curl|x|"}, {dir + "/y", "y", "curl|x|"}, {dir + "/z", "z", "wget|x|"},
		{hard + "/wget", "q", "wget|x|"}, {hard + "/wget", "", "wget|x|"}, {hard + "/wget", "-wget", "wget|x|"}, {hard + "/wget", "curl", "curl|x|"},
	} {
		cmd := &exec.Cmd{Path: c.path, Args: []string{c.argv0, "x"}, Env: env}
		if out, err := cmd.Output(); !strings.HasPrefix(string(out), c.want) {
			t.Errorf("%s as %q: %q %v", c.path, c.argv0, out, err)
		}
	}
	cmd := &exec.Cmd{Path: binary, Args: []string{"q", "-fsSL", "x"}, Env: env}
	if out, err := cmd.CombinedOutput(); !strings.Contains(string(out), "q is the name of no tool") || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("%q %v", out, err)
	}
	if out, err := exec.Command(binary, "version").Output(); err != nil || !strings.HasPrefix(string(out), "fromcache-shim ") {
		t.Errorf("%q %v", out, err)
	}
}

// TestProxy holds the one change to the environment: with a proxy that the tool would use, the
// cache's host joins no_proxy.
func TestProxy(t *testing.T) {
	url, _ := cacheOf(t, holds)
	for _, c := range []struct{ tool, env, want string }{
		{"curl", "", "no_proxy= NO_PROXY="},
		{"curl", "http_proxy=http://p:1", "no_proxy=127.0.0.1 NO_PROXY="},
		{"curl", "ALL_PROXY=http://p:1", "no_proxy=127.0.0.1 NO_PROXY="},
		{"curl", "all_proxy=socks5://p:1", "no_proxy=127.0.0.1 NO_PROXY="},
		{"curl", "HTTP_PROXY=http://p:1", "no_proxy= NO_PROXY="},
		{"curl", "https_proxy=http://p:1", "no_proxy= NO_PROXY="},
		{"curl", "http_proxy=http://p:1 no_proxy=a.lab,b.lab", "no_proxy=a.lab,b.lab,127.0.0.1 NO_PROXY="},
		{"curl", "http_proxy=http://p:1 NO_PROXY=a.lab", "no_proxy=a.lab,127.0.0.1 NO_PROXY=a.lab"},
		{"curl", "http_proxy=http://p:1 no_proxy=a.lab NO_PROXY=b.lab", "no_proxy=a.lab,127.0.0.1 NO_PROXY=b.lab"},
		{"curl", "http_proxy=http://p:1 no_proxy= NO_PROXY=b.lab", "no_proxy=b.lab,127.0.0.1 NO_PROXY=b.lab"},
		{"curl", "http_proxy=http://p:1 no_proxy=127.0.0.1", "no_proxy=127.0.0.1 NO_PROXY="},
		{"curl", "http_proxy=http://p:1 no_proxy=*", "no_proxy=* NO_PROXY="},
		{"wget", "http_proxy=http://p:1", "no_proxy=127.0.0.1 NO_PROXY="},
		{"wget", "http_proxy=http://p:1 no_proxy=a.lab", "no_proxy=a.lab,127.0.0.1 NO_PROXY="},
		{"wget", "http_proxy=http://p:1 NO_PROXY=a.lab", "no_proxy=127.0.0.1 NO_PROXY=a.lab"},
		{"wget", "ALL_PROXY=http://p:1", "no_proxy= NO_PROXY="},
	} {
		r := shimRun(t, c.tool+" -q "+vendorURL, append(strings.Fields(c.env), "FROMCACHE_SERVER="+url)...)
		if !strings.HasSuffix(r.stdout, "|"+c.want+"\n") || !strings.Contains(r.stdout, url) {
			t.Errorf("%s %s: %s", c.tool, c.env, r.stdout)
		}
		r = shimRun(t, c.tool+" -q http://127.0.0.2/x", append(strings.Fields(c.env), "FROMCACHE_SERVER="+url)...)
		if _, was, ok := strings.Cut(c.env, "no_proxy="); ok && !strings.Contains(r.stdout, "no_proxy="+strings.Fields(was + " ")[0]) && was[0] != ' ' {
			t.Errorf("%s %s: changed without a hit: %s", c.tool, c.env, r.stdout)
		}
	}
}

// TestRealProxy holds that with a proxy in the environment, the real tools reach the cache
// directly.
func TestRealProxy(t *testing.T) {
	w := newWorld(t)
	proxied := 0
	proxy, _ := cacheOf(t, func(rw http.ResponseWriter, r *http.Request) { proxied++; rw.WriteHeader(502) })
	for _, c := range []string{"curl -fsS " + w.secure.URL + "/p/a", "wget -q -O- " + w.origin.URL + "/p/a"} {
		r := run(t, c, w.env(t.TempDir(), tools+":/usr/bin:/bin", "FROMCACHE_SERVER="+w.cache.URL, "http_proxy="+proxy, "all_proxy="+proxy))
		if r.status != 0 || r.stdout != string(content("/a")) || proxied != 0 {
			t.Errorf("%s: %+v, proxied %d", c, r, proxied)
		}
	}
}

// TestHosts holds FROMCACHE_SKIP and FROMCACHE_ONLY.
func TestHosts(t *testing.T) {
	url, asked := cacheOf(t, holds)
	for _, c := range []struct {
		env  string
		asks bool
	}{
		{"FROMCACHE_SKIP=other.example", true}, {"FROMCACHE_SKIP=vendor.example", false}, {"FROMCACHE_SKIP=a,VENDOR.example b", false},
		{"FROMCACHE_SKIP=.example", false}, {"FROMCACHE_SKIP=example", false}, {"FROMCACHE_SKIP=*.example", false}, {"FROMCACHE_SKIP=*", false},
		{"FROMCACHE_SKIP=endor.example", true}, {"FROMCACHE_SKIP=vendor.example:443", false}, {"FROMCACHE_SKIP=vendor.example:80", true},
		{"FROMCACHE_SKIP=x.vendor.example", true}, {"FROMCACHE_SKIP=", true}, {"FROMCACHE_SKIP=10.0.0.0/8", true},
		{"FROMCACHE_ONLY=vendor.example", true}, {"FROMCACHE_ONLY=example", true}, {"FROMCACHE_ONLY=other.example", false},
		{"FROMCACHE_ONLY=", true}, {"FROMCACHE_ONLY=a b,vendor.example", true}, {"FROMCACHE_ONLY=10.0.0.0/8", false},
	} {
		asked.Store(0)
		shimRun(t, "curl "+vendorURL, c.env, "FROMCACHE_SERVER="+url)
		if (asked.Load() > 0) != c.asks {
			t.Errorf("%s: asked %d", c.env, asked.Load())
		}
	}
	asked.Store(0)
	shimRun(t, "curl http://10.1.2.3/held", "FROMCACHE_SKIP=10.0.0.0/8", "FROMCACHE_SERVER="+url)
	shimRun(t, "curl http://vendor.example/held", "FROMCACHE_SKIP=*", "FROMCACHE_ONLY=*", "FROMCACHE_SERVER="+url)
	if asked.Load() != 0 {
		t.Error("asked about a host in FROMCACHE_SKIP")
	}
}

// TestPerTool holds the variables that override FROMCACHE_SERVER for one tool.
func TestPerTool(t *testing.T) {
	one, _ := cacheOf(t, holds)
	two, _ := cacheOf(t, holds)
	for _, c := range []struct{ command, env, want string }{
		{"curl", "FROMCACHE_SERVER=" + one, one}, {"wget", "FROMCACHE_SERVER=" + one, one},
		{"curl", "FROMCACHE_SERVER=" + one + " FROMCACHE_CURL_SERVER=" + two, two},
		{"wget", "FROMCACHE_SERVER=" + one + " FROMCACHE_CURL_SERVER=" + two, one},
		{"wget", "FROMCACHE_WGET_SERVER=" + two, two}, {"curl", "FROMCACHE_WGET_SERVER=" + two, vendorURL},
		{"wget", "FROMCACHE_SERVER=" + one + " FROMCACHE_WGET_SERVER=off", vendorURL},
		{"wget", "FROMCACHE_SERVER=" + one + " FROMCACHE_WGET_SERVER=", one},
		{"curl", "FROMCACHE_SERVER=" + one + " CURLFROMCACHE_SERVER=" + two, two}, {"wget", "FROMCACHE_SERVER=" + one + " WGETFROMCACHE_SERVER=" + two, two},
		{"curl", "FROMCACHE_CURL_SERVER=" + one + " CURLFROMCACHE_SERVER=" + two, two}, {"curl", "FROMCACHE_SERVER=" + one + " CURLFROMCACHE_SERVER=off", vendorURL}, {"curl", "FROMCACHE_SERVER=Off", vendorURL},
		{"wget", "WGETFROMCACHE_SERVER=off FROMCACHE_WGET_SERVER=" + two, vendorURL}, {"wget", "FROMCACHE_SERVER=" + one + " CURLFROMCACHE_SERVER=" + two, one},
	} {
		if r := shimRun(t, c.command+" "+vendorURL, strings.Fields(c.env)...); !strings.Contains(r.stdout, "|"+c.want) {
			t.Errorf("%s %s: %s", c.command, c.env, r.stdout)
		}
	}
}

// TestVerbose holds the one line on standard error, and that it shows no credentials.
func TestVerbose(t *testing.T) {
	url, _ := cacheOf(t, holds)
	missing, _ := cacheOf(t, http.NotFound)
	portal, _ := cacheOf(t, http.RedirectHandler("http://portal.example/", http.StatusFound).ServeHTTP)
	for _, c := range []struct{ command, server, want string }{
		{"curl " + vendorURL, url, "fromcache: curl: hit: " + vendorURL + " from " + url},
		{"wget " + vendorURL, missing, "fromcache: wget: miss: " + vendorURL + " (not held)"},
		{"curl " + vendorURL, portal, "fromcache: curl: pass: " + vendorURL + " (what answers for the cache says 302, not whether it is held)"},
		{"curl -d x " + vendorURL, url, "fromcache: curl: pass: " + vendorURL + " (-d sends a body or another method)"},
		{"curl 'https://vendor.example/held?sig=secret'", url, "fromcache: curl: hit: https://vendor.example/held?... from " + url},
		{"curl https://user:secret@vendor.example/held", url, "fromcache: curl: pass: https://...@vendor.example/held (the URL carries credentials)"},
		{"curl -K x", url, "fromcache: curl: pass: -K takes URLs or options from elsewhere"},
		{"curl", url, "fromcache: curl: pass: no URL"},
		{"curl " + vendorURL, "", "fromcache: curl: pass: no cache is set"},
	} {
		r := shimRun(t, c.command, "FROMCACHE_SERVER="+c.server, "FROMCACHE_VERBOSE=1")
		if got := strings.TrimSuffix(r.stderr, "\n"); got != c.want || strings.Contains(got, "secret") {
			t.Errorf("%s\n got %q\nwant %q", c.command, got, c.want)
		}
	}
}
