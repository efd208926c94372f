package plan

import (
	"strings"
	"testing"

	"fromcache/shim/call"
	"fromcache/shim/options"
)

// TestConfigFiles holds which configuration files are judged, and how.
func TestConfigFiles(t *testing.T) {
	const home, xdg = "/home/u/.curlrc", "/x/.curlrc"
	for _, c := range []struct {
		want, line, path, text, env string
	}{
		{"hit", "curl U", home, "# nothing\n\n# more\n", ""},
		// what curl skips up to 8.12, and reads no further at since
		{"pass", "curl U", home, "silent\n  \t\n", ""},
		{"pass", "curl U", home, " # nothing\n", ""},
		{"pass", "curl U", home, "\tsilent\n", ""},
		{"pass", "curl U", home, "/ a comment\n", ""},
		{"pass", "curl U", home, "silent\n* a comment", ""},
		{"pass", "curl U", home, "\r\nsilent\n", ""},
		{"pass", "curl U", home, "silent\r\n", ""},
		{"pass", "curl U", home, "silent\n\f\n", ""},
		{"hit", "curl -q U", home, "silent\r\n", ""},
		{"pass", "curl U", "/c/.config/curlrc", "user = a:b\n", "CURL_HOME=/c"},
		{"hit", "curl U", "/c/.config/curlrc", "silent\n", "CURL_HOME=/c"},
		{"pass", "curl U", "/c/.config/curlrc", " silent\n", "CURL_HOME=/c"},
		{"pass", "curl U", "/home/u/.config/curlrc", "user = a:b\n", "CURL_HOME=/c"},
		{"hit", "curl -q U", "/c/.config/curlrc", "user = a:b\n", "CURL_HOME=/c"},
		{"pass", "curl U", home, "cacert = ca.pem\n", ""},
		{"pass", "curl U", home, "tlsv1.3\n", ""},
		{"hit", "curl U", home, "tlsv1.2\n", ""},
		{"pass", "curl U", home, "tls-max 1.1\n", ""},
		{"pass", "curl U", home, "--ciphers x\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "ca_certificate = ca.pem\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "ca_directory = /ca\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "ciphers = x\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "secure_protocol = TLSv1_3\n", ""},
		{"hit", "wget -q U", "/etc/wgetrc", "secure_protocol = TLSv1_2\n", ""},
		{"hit", "curl U", home, "user-agent = x\n", ""},
		{"pass", "curl https://ex.test/held/get", home, "user-agent = x\n", ""},
		{"pass", "wget -q https://ex.test/held/get", "/etc/wgetrc", "user_agent = x\n", ""},
		{"hit", "curl --netrc-optional U", "/home/u/netrc", "machine ex.test login a password b\n", ""},
		{"pass", "curl --netrc-optional U", "/home/u/.netrc", "", ""},
		{"pass", "curl --netrc-optional U", "/n", "", "NETRC=/n"},
		{"hit", "curl --netrc-optional --no-netrc-optional U", "/home/u/.netrc", "", ""},
		{"pass", "curl U", home, "compressed\nwrite-out = \"%{size_download}\"\n", ""},
		{"hit", "curl U", home, "silent\nshow-error\nretry = 3\nmax-time: 5\n--limit-rate 1M\n-f\n-sS\n-o \"a b\"\nuser-agent=\"x \\\" y\"\n", ""},
		{"hit", "curl U", home, "connect-timeout=5", ""},
		{"pass", "curl U", home, "user = a:b\n", ""},
		{"pass", "curl U", home, "user=a:b", ""},
		{"pass", "curl U", home, "-u a:b\n", ""},
		{"pass", "curl U", home, "-ua:b\n", ""},
		{"pass", "curl U", home, "-sn\n", ""},
		{"pass", "curl U", home, "netrc\n", ""},
		{"pass", "curl U", home, "\n--proxy http://p\n", ""},
		{"pass", "curl U", home, "proxy = http://p\n", ""},
		{"pass", "curl U", home, "header = \"Authorization: x\"\n", ""},
		{"hit", "curl U", home, "header = \"User-Agent: x\"\n", ""},
		{"pass", "curl U", home, "url = http://x\n", ""},
		{"pass", "curl U", home, "next\n", ""},
		{"pass", "curl U", home, "nonsense\n", ""},
		{"pass", "curl U", home, "include\n", ""},
		{"pass", "curl U", home, "write-out = \"%{url_effective}\"\n", ""},
		{"hit", "curl -L U", home, "write-out = \"%{http_code}\"\n", ""},
		{"hit", "curl U", home, "proto = =https\n", ""},
		{"pass", "curl U", home, "proto \"=https\"\n", ""},
		{"pass", "curl U", home, "config = other\n", ""},
		{"pass", "curl U", home, "output\n", ""},
		// what curl warns about up to 8.12, and reads no further at since
		{"pass", "curl U", home, "silent unused\n", ""},
		{"pass", "curl U", home, "silent = true\n", ""},
		{"pass", "curl U", home, "-s 1\n", ""},
		{"pass", "curl U", home, "sil\n", ""},
		{"pass", "curl U", home, "SILENT\n", ""},
		{"pass", "curl U", home, "ftpport = -\n", ""},
		{"pass", "curl U", home, "user-agent = \"x\n", ""},
		{"hit", "curl U", home, "no-progress-meter\n--no-keepalive\n", ""},
		{"pass", "curl U", home, "silent # a comment\n", ""},
		{"hit", "curl U", home, "retry 3 # a comment\n", ""},
		{"pass", "curl U --next U", home, "trace = /dev/stdout\n", ""},
		{"pass", "curl U --next -v U", home, "stderr = /dev/stdout\n", ""},
		{"pass", "curl --proto +https U", home, "proto = -http\n", ""},
		{"pass", "curl U", home, "range = 0-4\n", ""},
		{"hit", "curl -o f U", home, "continue-at = -\n", ""},
		{"pass", "curl -o f U", home, "continue-at = 5\n", ""},
		{"hit", "wget U", "/etc/wgetrc", "continue = on\n", ""},
		{"pass", "wget U", "/etc/wgetrc", "start_pos = 5\n", ""},
		{"pass", "wget -c U", "/etc/wgetrc", "dir_prefix = d\n", ""},
		{"hit", "wget U", "/etc/wgetrc", "dir_prefix = d\n", ""},
		{"pass", "wget -c U", "/etc/wgetrc", "output_document = g\n", ""},
		{"hit", "wget -c -O f U", "/etc/wgetrc", "output_document = g\n", ""},
		{"pass", "curl U", home, "range = \"0-1,5-6\"\n", ""},
		{"pass", "curl U", home, "-r 0-1,5-6\n", ""},
		{"pass", "curl U", home, "header = \"Range: bytes=0-1,5-6\"\n", ""},
		{"pass", "curl U", home, "header = \"Range: bytes=5-6 \"\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "header = Range: bytes=0-1,5-6\n", ""},
		{"pass", "curl U", home, "ODD", ""},
		{"hit", "curl -q U", home, "user = a:b\n", ""},
		{"hit", "curl -qs U", home, "user = a:b\n", ""},
		{"hit", "curl --disable U", home, "user = a:b\n", ""},
		{"pass", "curl -s -q U", home, "user = a:b\n", ""},
		{"pass", "curl U -q", home, "user = a:b\n", ""},
		{"hit", "curl U", "/home/u/curlrc", "user = a:b\n", ""},
		{"pass", "curl U", "/home/u/.config/curlrc", "user = a:b\n", ""},
		{"pass", "curl U", "/c/.curlrc", "user = a:b\n", "CURL_HOME=/c"},
		{"pass", "curl U", xdg, "user = a:b\n", "XDG_CONFIG_HOME=/x"},
		{"pass", "curl U", "/x/curlrc", "user = a:b\n", "XDG_CONFIG_HOME=/x"},
		{"hit", "curl U", xdg, "user = a:b\n", ""},
		{"pass", "curl U --next U", home, "ODD", ""},
		{"hit", "wget -q U", "/etc/wgetrc", "# x\npassive_ftp = on\n Check-Certificate=off\nrobots = off\ntries = 3\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "header = X-A: b\n", ""},
		{"hit", "wget -q U", "/etc/wgetrc", "header = Accept: */*\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "http_proxy = http://p\n", ""},
		{"hit", "wget -q U", "/etc/wgetrc", "timestamping = on\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "dirstruct = on\n", ""},
		{"hit", "wget -q U", "/etc/wgetrc", "dirstruct = off\n", ""},
		{"pass", "wget -q U", "/etc/wgetrc", "continue\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "user = me\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "password=x\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "input = list\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "recursive = on\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "nonsense = 1\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "not a line\n", ""},
		{"pass", "wget -q U", "/home/u/.wgetrc", "ODD", ""},
		{"hit", "wget --no-config -q U", "/home/u/.wgetrc", "user = me\n", ""},
		{"hit", "wget -q U", "/home/u/.wgetrc", "user = me\n", "WGETRC=/w"},
		{"pass", "wget -q U", "/w", "user = me\n", "WGETRC=/w"},
		{"pass", "wget -q U", "/s", "user = me\n", "SYSTEM_WGETRC=/s"},
		{"hit", "wget -q -O- U", "/home/u/.wgetrc", "continue = on\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "machine ex.test login a password b\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "machine other login a\nmachine EX.test\n login a\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "default login a password b\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "machine other.test login ex.test password default\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "# machine ex.test login a\n", ""},
		{"pass", "wget -q U", "/home/u/.netrc", "machine \"ex\\.test\"login a\n", ""},
		{"hit", "wget -q U", "/home/u/.netrc", "machine an.ex.test login a\nmachine ex.test.lab\n", ""},
		{"hit", "curl U", "/home/u/.netrc", "machine ex.test login a password b\n", ""},
		{"hit", "curl U", "/etc/wgetrc", "user = me\n", ""},
		{"hit", "wget -q U", home, "user = a:b\n", ""},
	} {
		b := &machine{files: map[string]string{c.path: c.text}}
		if c.env != "" {
			b.env = call.Env{c.env}
		}
		b.check(t, c.want, c.line)
		if t.Failed() {
			t.Fatalf("%+v", c)
		}
	}
}

// TestConfigClasses gives each option of the tables, as a line of a configuration file, to a call
// that would else hit.
func TestConfigClasses(t *testing.T) {
	for _, o := range options.Curl {
		want := classWants("curl", o)
		if want == "" {
			continue
		}
		if o.Until != "" && !strings.HasPrefix(o.Name, "no-") {
			want = "pass" // not known to each release
		}
		forms := []string{o.Name, "--" + o.Name}
		if o.TakesValue() {
			forms = []string{o.Name + " = 1", o.Name + ": 1", "--" + o.Name + " 1", o.Name + ` "1"`}
		}
		if living := options.Letter(options.Curl, o.Short); living != nil && living.Name == o.Name {
			forms = append(forms, "-"+string(o.Short)+strings.Repeat("1", len(forms)/4))
		}
		for _, line := range forms {
			b := &machine{files: map[string]string{"/home/u/.curlrc": "# ours\n" + line + "\n"}}
			b.check(t, want, "curl -o f U")
			if t.Failed() {
				t.Fatalf("curlrc: %q", line)
			}
		}
	}
	for _, o := range options.Wget {
		want := classWants("wget", o)
		if o.RCName() == "" || want == "" || o.RCName() == "dirstruct" || o.Name == "https-only" {
			continue
		}
		b := &machine{files: map[string]string{"/home/u/.wgetrc": o.RCName() + " = 1\n"}}
		b.check(t, want, "wget -qO f U")
		if t.Failed() {
			t.Fatalf("wgetrc: %q", o.RCName())
		}
	}
}

// TestFirstCurlrc holds that only the first curlrc counts.
func TestFirstCurlrc(t *testing.T) {
	b := &machine{files: map[string]string{"/c/.curlrc": "silent", "/x/.curlrc": "user = a:b", "/home/u/.curlrc": "user = a:b"},
		env: call.Env{"CURL_HOME=/c", "XDG_CONFIG_HOME=/x"}}
	b.check(t, "hit", "curl U")
	b.env = call.Env{"XDG_CONFIG_HOME=/x"}
	b.check(t, "pass", "curl U")
	b = &machine{files: map[string]string{"/x/.curlrc": "silent", "/home/u/.curlrc": "user = a:b"}, env: call.Env{"XDG_CONFIG_HOME=/x"}}
	b.check(t, "hit", "curl U")
	b = &machine{files: map[string]string{"/home/u/.curlrc": "silent", "/home/u/.config/curlrc": "user = a:b"}}
	b.check(t, "hit", "curl U")
	b = &machine{files: map[string]string{"/c/.config/curlrc": "silent", "/home/u/.config/curlrc": "user = a:b"}, env: call.Env{"CURL_HOME=/c"}}
	b.check(t, "pass", "curl U") // which of the two depends on the release
	b = &machine{files: map[string]string{"/etc/passwd": "x:x:5:5::/five:/bin/sh\nu:x:0:0::/own:/bin/sh\n", "/own/.curlrc": "user = a:b"}}
	b.check(t, "pass", "curl U")
}

// TestPrefixWgetrc holds that a wget that was built for a directory of its own is judged by the
// wgetrc that it reads there.
func TestPrefixWgetrc(t *testing.T) {
	for path, asked := range map[string]bool{"/opt/env/bin/wget": false, "/usr/bin/wget": true, "/bin/wget": true, "wget": true} {
		b := &machine{files: map[string]string{"/opt/env/etc/wgetrc": "header = X: y\n"}, reply: Reply{Status: 200}}
		Decide(Input{Tool: call.Wget, Args: []string{theURL}, Env: call.Env{"FROMCACHE_SERVER=" + theCache, "HOME=/home/u"}, Path: path, Real: "wget", Read: b.read, Size: b.size, Ask: b.ask})
		if len(b.asked) > 0 != asked {
			t.Errorf("%s: asked %v", path, !asked)
		}
	}
}

// TestNoHome holds that a call passes where only the C library can say whose configuration is read.
func TestNoHome(t *testing.T) {
	for _, c := range []struct {
		asked        bool
		line, passwd string
		env          call.Env
	}{
		{false, "curl", "", nil},
		{false, "curl", "", call.Env{"HOME="}},
		{true, "curl -q", "", nil},
		{false, "curl -q --netrc-optional", "", nil},
		{true, "curl", "u:x:0:0::/own:/bin/sh\n", nil},
		{true, "curl", "", call.Env{"HOME=/home/u"}},
		{false, "wget -q", "", nil},
		{false, "wget -q --no-config", "", nil},
		{true, "wget -q", "", call.Env{"HOME="}},
		{true, "wget -q", "u:x:0:0::/own:/bin/sh\n", nil},
	} {
		b := &machine{files: map[string]string{"/etc/passwd": c.passwd}, reply: Reply{Status: 200}}
		words := append(strings.Fields(c.line), theURL)
		tool := call.Curl
		if words[0] == "wget" {
			tool = call.Wget
		}
		d := Decide(Input{Tool: tool, Args: words[1:], Env: append(c.env, "FROMCACHE_SERVER="+theCache), Real: words[0], Read: b.read, Size: b.size, Ask: b.ask})
		if len(b.asked) > 0 != c.asked {
			t.Errorf("%s, %q, %v: %s", c.line, c.passwd, c.env, d.Line(tool))
		}
	}
}

// TestFirstGroup holds that a curlrc joins the first group alone.
func TestFirstGroup(t *testing.T) {
	b := &machine{files: map[string]string{"/home/u/.curlrc": "user = a:b"}, reply: Reply{Status: 200}}
	d := b.plan("curl", theURL, "--next", theURL)
	if got := strings.Join(d.Args, " "); got != theURL+" --next "+cachedURL {
		t.Error(got)
	}
}
