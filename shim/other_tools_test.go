package shim_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestOtherWgets runs commands with wget2 and with busybox under the name wget, directly and
// through the shim.
func TestOtherWgets(t *testing.T) {
	w := newWorld(t)
	for _, tool := range []string{"wget2", "busybox"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Errorf("%s is not installed", tool)
			continue
		}
		linked := t.TempDir()
		if err := os.Symlink(path, linked+"/wget"); err != nil {
			t.Fatal(err)
		}
		for i, line := range []string{
			"hit wget -q {{o}}/a.run",
			"hit wget -q -O x {{o}}/a.run",
			"hit wget -q -O- {{o}}/a.sh | sh -s 1 2",
			"hit wget -qO - {{o}}/a.run | cksum",
			"hit wget -q '{{o}}/a.run?x=1&y=2'; ls",
			"hit wget -q '{{o}}/a.run?x=a/b'; ls",
			"hit wget -q '{{o}}/a%20b.run'; ls",
			"hit wget -q {{o}}/dir/; ls",
			"hit wget -q -P sub {{o}}/a.run; ls sub",
			"hit wget -q {{o}}/a {{o}}/b; ls",
			"hit wget -q --no-check-certificate {{o}}/a.run",
			"hit wget -c -q {{o}}/a.run",
			"hit wget -q -U agent {{o}}/a.run",
			"hit wget -q {{o}}/redirect/a.run; ls",
			"miss wget -q {{o}}/missing/a.run; echo $? | grep -c '[1-9]'",
			"miss wget -q {{o}}/unheld/a.run",
			"pass wget -q --post-data=a=b -O- {{o}}/api",
			"wget2: pass wget {{o}}/a.run",
			"wget2: pass wget -O x {{o}}/a.run",
			"wget2: pass wget -v {{o}}/a.run",
			"wget2: pass wget -nv -v {{o}}/a.run",
			"wget2: pass wget -q --no-quiet {{o}}/a.run",
			"wget2: pass wget --quiet=off --progress=none {{o}}/a.run",
			"wget2: pass wget -o log -o - {{o}}/a.run",
			"wget2: pass wget -o /dev/fd/1 {{o}}/a.run",
			"wget2: hit wget -nv {{o}}/a.run",
			"wget2: hit wget -nvc {{o}}/a.run",
			"wget2: hit wget --no-verbose -O x {{o}}/a.run",
			"wget2: hit wget -v -q {{o}}/a.run",
			"wget2: hit wget -q -v {{o}}/a.run",
			"wget2: hit wget -v -o log {{o}}/a.run; rm log",
			"wget2: hit wget -a log {{o}}/a.run; rm log",
			"busybox: pass wget -q '{{o}}/a.run#x' -O y",
			"busybox: hit wget -q {{o}}/a+b.run; ls",
			"wget2: pass wget -q {{o}}/a+b.run; ls", // it asks for a%2Bb.run
			"wget2: hit wget -q {{o}}/a%2Bb.run; ls",
			"wget2: pass wget -q '{{o}}/a;v=1.run'; ls",
			"wget2: pass wget -q {{o}}/a%2Fb.run; ls",     // for a/b.run
			"wget2: pass wget -q '{{o}}/a.run?x=1+2'; ls", // for a blank
			"pass wget -q --spider {{o}}/a.run",
			"pass wget -q --header 'X-A: b' {{o}}/a.run",
		} {
			want, command, _ := strings.Cut(line, " ")
			if alone, rest, ok := strings.Cut(line, ": "); ok {
				if alone != tool {
					continue
				}
				want, command, _ = strings.Cut(rest, " ")
			}
			name := fmt.Sprintf("%s%d", tool, i)
			command = strings.ReplaceAll(command, "{{o}}", w.origin.URL+"/"+name)
			direct := run(t, command, w.env(t.TempDir(), linked+":/usr/bin:/bin"))
			before := w.count("origin", name)
			through := run(t, command, w.env(t.TempDir(), tools+":"+linked+":/usr/bin:/bin", "FROMCACHE_SERVER="+w.cache.URL, "FROMCACHE_VERBOSE=1"))
			for n := range direct.files { // wget2 writes its own databases
				if strings.HasPrefix(n, "/.wget") {
					delete(direct.files, n)
				}
			}
			if d := differ(direct, through); d != "" {
				t.Errorf("%s: %s\n%s%s", tool, command, d, through.stderr)
			}
			if got := w.outcome(name, before); got != want {
				t.Errorf("%s: %s\n%s, want %s\n%s", tool, command, got, want, through.stderr)
			}
		}
	}
}

// TestWget2Differs holds what is left alone because wget2 reads it otherwise, and what because it
// is wget2 or busybox.
func TestWget2Differs(t *testing.T) {
	url, _ := cacheOf(t, holds)
	dir := fake(t, "wget2", "busybox")
	for _, c := range []struct {
		name, args, env string
		hit             bool
	}{
		{"wget2", "-q", "", true}, {"wget2", "--https-only", "", false}, {"wget2", "-q --compression=none", "", true}, {"wget2", "-q -e quiet=off", "", false}, {"wget2", "-o ''", "", false},
		{"wget2", "-a log", "", true}, {"wget2", "-nv --verbose", "", false},
		{"wget2", "--compression none", "", false}, {"busybox", "-q", "", true}, {"busybox", "-q", "http_proxy=http://p:1", false},
		{"wget2", "-q", "http_proxy=http://p:1", true}, {"busybox", "-q", "https_proxy=http://p:1", true},
	} {
		link := t.TempDir() + "/wget"
		os.Symlink(dir+"/"+c.name, link)
		r := shimRun(t, "wget "+c.args+" "+vendorURL, "FROMCACHE_SERVER="+url, "REAL_WGET="+link, c.env)
		if hit := strings.Contains(r.stdout, url+"/b/"); hit != c.hit {
			t.Errorf("%s %s %s: hit %v: %s", c.name, c.args, c.env, hit, r.stdout)
		}
	}
}

// TestTLSCache asks a cache over https, which the real tool does.
func TestTLSCache(t *testing.T) {
	w := newWorld(t)
	cache := httptest.NewTLSServer(w.cache.Config.Handler)
	defer cache.Close()
	ca := w.caOf(t, cache)
	curl, _ := exec.LookPath("curl")
	log := t.TempDir() + "/log"
	wrapped := place(t, "curl", script("#!/bin/sh\necho \"$@\" >>"+log+"\nexec "+curl+" \"$@\"\n"))
	for i, c := range []struct{ want, command string }{
		{"hit", "curl -sS {{o}}/a"},
		{"hit", "curl -sSL {{o}}/redirect/a"},
		{"miss", "curl -sS {{o}}/redirect/a"},
		{"miss", "curl -sS {{o}}/unheld/a"},
		{"hit", "curl -sS -C - -O {{o}}/a"},
		{"hit", "printf '/a\\n' >a; curl -sS -C - -O {{o}}/a"},
		{"miss", "printf '/b\\n' >a; curl -sS -C - -O {{o}}/a"},
		{"hit", "curl -sS -o a {{o}}/a; curl -sS -C - -O {{o}}/a; echo $?"},
		{"hit", "curl -sSO {{o}}/a -O {{o}}/b"},
		{"hit", "curl -sS4 {{o}}/a"},
		{"pass", "curl -sS --cacert " + ca + " {{o}}/a"},
		{"hit", "curl -sS --proto =https,http --tlsv1.2 {{o}}/a"},
		{"hit", "curl -sS1 --tls-max 1.3 {{o}}/a"},
		{"pass", "curl -sS --tlsv1.0 --tls-max 1.1 {{o}}/a"},
		{"pass", "curl -sS --ciphers DEFAULT {{o}}/a"},
		{"pass", "curl -sS --proto =http {{o}}/a"},
		{"hit", "curl -sS --proto =http,https {{o}}/a"},
	} {
		name := fmt.Sprintf("tls%d", i)
		command := strings.ReplaceAll(c.command, "{{o}}", w.origin.URL+"/"+name)
		env := w.env(t.TempDir(), "/usr/bin:/bin")
		direct := run(t, command, env)
		before := w.count("origin", name)
		through := run(t, command, w.env(t.TempDir(), tools+":"+wrapped+":/usr/bin:/bin", "FROMCACHE_SERVER="+cache.URL, "FROMCACHE_VERBOSE=1",
			"FROMCACHE_CONNECT_TIMEOUT=14", "FROMCACHE_TIMEOUT=15"))
		if d := differ(direct, through); d != "" {
			t.Errorf("%s\n%s%s", command, d, through.stderr)
		}
		if got := w.outcome(name, before); got != c.want {
			t.Errorf("%s\n%s, want %s\n%s", command, got, c.want, through.stderr)
		}
	}
	data, _ := os.ReadFile(log)
	if !strings.Contains(string(data), "-q -sSI --connect-timeout 14.000 --max-time ") {
		t.Errorf("the real tool was not asked to ask: %s", data)
	}
	// a certificate that nobody vouches for is no hit
	r := run(t, "unset CURL_CA_BUNDLE; curl -sS "+w.origin.URL+"/tlsbad/a", w.env(t.TempDir(), tools+":/usr/bin:/bin", "FROMCACHE_SERVER="+cache.URL))
	if r.status != 0 || r.stdout != string(content("/a")) || w.count("cache", "tlsbad") > 0 {
		t.Errorf("%+v", r)
	}
}

// TestTLSCacheRefuses holds that a 404 that curl prints is a miss, and that no connection is not.
func TestTLSCacheRefuses(t *testing.T) {
	for header, want := range map[string]string{"echo HTTP/1.1 404 No; echo; exit 0": "miss", "echo HTTP/1.1 500 No; echo; exit 0": "pass", "exit 35": "pass", "exit 7": "pass"} {
		dir := place(t, "curl", script("#!/bin/sh\ncase \"$*\" in *-sSI*) "+header+";; esac\necho \"$@\"\n"))
		r := run(t, "curl "+vendorURL, []string{"PATH=" + tools + ":" + dir + ":/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "FROMCACHE_SERVER=https://cache.example",
			"HOME=/nonexistent", "FROMCACHE_VERBOSE=1"})
		if r.stdout != vendorURL+"\n" || !strings.HasPrefix(r.stderr, "fromcache: curl: "+want+": ") {
			t.Errorf("%s: %+v", header, r)
		}
	}
}

// TestTLSCacheByWget does the same for wget, whose output of the header is a log.
func TestTLSCacheByWget(t *testing.T) {
	header := "Spider mode enabled.\nHTTP request sent, awaiting response... \n  HTTP/1.1 200 OK\n  Accept-Ranges: bytes\n  X-Fromcache-Sha256: " + aDigest + "\nLength: 5\n\n"
	for _, c := range []struct {
		header string
		status int
		hit    bool
	}{{header, 0, true}, {header, 8, false}, {strings.Replace(header, "200 OK", "404 No", 1), 8, false}, {"", 4, false}, {"", 0, false}} {
		dir := place(t, "wget", script(fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *--spider*) printf '%%s' '%s' >&2; exit %d;; esac\necho \"$@\"\n", c.header, c.status)))
		r := run(t, "wget -c "+vendorURL, []string{"PATH=" + tools + ":" + dir + ":/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "FROMCACHE_SERVER=https://cache.example", "HOME=/nonexistent"})
		if hit := strings.Contains(r.stdout, "https://cache.example/b/"); hit != c.hit || r.stderr != "" {
			t.Errorf("%q %d: %+v", c.header, c.status, r)
		}
	}
}
