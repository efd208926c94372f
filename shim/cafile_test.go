package shim_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// authority signs certificates, as a site's own CA does.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	file string // its certificate in PEM
}

func elliptic256(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newAuthority makes a CA, signed by another one or by itself.
func newAuthority(t testing.TB, by *authority) *authority {
	a := &authority{key: elliptic256(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a CA of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if by == nil {
		by = a
	} else {
		a.cert.Subject.CommonName = "an intermediate CA of a test"
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, by.cert, a.key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.file = t.TempDir() + "/ca.pem"
	write(t, a.file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func write(t testing.TB, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sign makes a certificate for 127.0.0.1, and what edit makes of it.
func (a *authority) sign(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) tls.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "cache"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if edit != nil {
		edit(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

// serveTLS starts a server with a certificate; config is for more, or nil.
func serveTLS(t testing.TB, h http.Handler, cert tls.Certificate, config *tls.Config) string {
	s := httptest.NewUnstartedServer(h)
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{cert}
	s.TLS, s.EnableHTTP2 = config, true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// asking makes a directory with curl and wget that note their arguments when they are asked to ask a
// cache, and are the real ones.
func asking(t *testing.T) (dir string, asked func() int) {
	dir = t.TempDir()
	log := dir + "/log"
	for _, tool := range []string{"curl", "wget"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		text := "#!/bin/sh\ncase \"$*\" in *+fromcache-shim*) echo \"$@\" >>" + log + ";; esac\nexec " + real + " \"$@\"\n"
		if err := os.WriteFile(dir+"/"+tool, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func() int {
		data, _ := os.ReadFile(log)
		os.Remove(log)
		return bytes.Count(data, []byte("\n"))
	}
}

// TestCAFile runs the real tools with a cache whose certificate is a private CA's. {{o}} is an http
// origin, {{s}} an https one that curl trusts by the user's own CURL_CA_BUNDLE; asked is how often the
// real tool is asked to ask: not for an https URL, and once for an http one that is held.
func TestCAFile(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	wrapped, asked := asking(t)
	for i, c := range []struct {
		want    string
		asked   int
		command string
	}{
		{"hit", 0, "curl -sS {{s}}/a"},
		{"hit", 1, "curl -sS {{o}}/a"},
		{"hit", 0, "curl -sSL {{s}}/redirect/a"},
		{"miss", 0, "curl -sS {{s}}/redirect/a"},
		{"miss", 0, "curl -sS {{s}}/unheld/a"},
		{"miss", 0, "curl -sS {{o}}/unheld/a"},
		{"hit", 0, "curl -sSO {{s}}/a -O {{s}}/b"},
		{"hit", 1, "curl -sSO {{s}}/a -O {{o}}/b"},
		{"miss", 0, "curl -sSO {{s}}/a -O {{s}}/unheld/b"},
		{"miss", 1, "curl -sSO {{o}}/a -O {{s}}/unheld/b"},
		{"miss", 0, "curl -sSO {{s}}/a --next -sS -d x {{s}}/b"},
		{"hit", 0, "curl -sSO {{s}}/a --next -sSO {{s}}/b"},
		{"hit", 0, "printf '/a\\n' >a; curl -sS -C - -O {{s}}/a"},
		{"miss", 0, "printf '/b\\n' >a; curl -sS -C - -O {{s}}/a"},
		{"hit", 0, "curl -sSk {{s}}/a"},
		{"hit", 1, "curl -sS --tlsv1.2 {{s}}/a"},
		{"hit", 0, "SSL_CERT_FILE=/nonexistent SSL_CERT_DIR=/nonexistent curl -sS {{s}}/a"},
		{"pass", 0, "curl -sS --cacert $CURL_CA_BUNDLE {{s}}/a"},
		{"pass", 0, "curl -sS --capath /nonexistent {{o}}/a"},
		{"pass", 0, "echo cacert = $CURL_CA_BUNDLE >$HOME/.curlrc; curl -sS {{s}}/a"},
		{"pass", 0, "curl -sS --proto =http {{o}}/a"},
		{"hit", 1, "wget -qO- {{o}}/a"},
		{"hit", 0, "wget -q --no-check-certificate {{s}}/a"},
		{"miss", 0, "wget -q --no-check-certificate {{s}}/unheld/a"},
		{"miss", 0, "wget -q --no-check-certificate {{s}}/a {{s}}/unheld/b"},
		{"hit", 0, "wget -q --no-check-certificate {{s}}/a {{s}}/b"},
		{"hit", 1, "printf '/a\\n' >a; wget -qc {{o}}/a"},
		{"pass", 0, "wget -q --ca-certificate=$CURL_CA_BUNDLE {{s}}/a"},
		{"pass", 0, "wget -q --ca-directory=/nonexistent {{o}}/a"},
		{"pass", 0, "echo ca_certificate = $CURL_CA_BUNDLE >$HOME/.wgetrc; wget -q {{s}}/a"},
	} {
		name := "ca" + string(rune('A'+i))
		command := strings.NewReplacer("{{o}}", w.origin.URL+"/"+name, "{{s}}", w.secure.URL+"/"+name).Replace(c.command)
		direct := run(t, command, w.env(t.TempDir(), "/usr/bin:/bin"))
		before := w.count("origin", name)
		through := run(t, command, w.env(t.TempDir(), tools+":"+wrapped+":/usr/bin:/bin",
			"FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file, "FROMCACHE_VERBOSE=1"))
		if d := differ(direct, through); d != "" || direct.status != 0 {
			t.Errorf("%s: status %d %s\n%s%s", command, direct.status, direct.stderr, d, through.stderr)
		}
		if got := w.outcome(name, before); got != c.want {
			t.Errorf("%s\n%s, want %s\n%s", command, got, c.want, through.stderr)
		}
		if n := asked(); n != c.asked {
			t.Errorf("%s: the real tool was asked %d times, want %d", command, n, c.asked)
		}
	}
}

// TestCAFileInstalled holds that what install makes asks by itself, as hard links and as copies; and
// that where fromcache-shim lies alone, or may not be executed, the real tool asks, with the CA.
func TestCAFileInstalled(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	wrapped, asked := asking(t)
	home := t.TempDir()
	want(t, home, "$S install && $S install --dir $HOME/alone --tools curl && rm $HOME/alone/fromcache-shim-tls", 0)
	want(t, home, "mkdir copies; cd copies; for n in curl wget fromcache-shim-tls; do cp $HOME/.fromcache/bin/$n .; done; cd; cp -r $OLDPWD $HOME", 0)
	want(t, home, "cp -r $HOME/alone $HOME/noexec; echo >$HOME/noexec/fromcache-shim-tls", 0)
	for dir, n := range map[string]int{"/.fromcache/bin": 0, "/copies": 0, "/alone": 2, "/noexec": 2} {
		for _, command := range []string{"curl -sSo got ", "wget -qO got ", "exec -a x curl -sSo got "} {
			if _, err := os.Stat(home + dir + "/wget"); err != nil && strings.Contains(command, "wget") {
				continue
			}
			name := "i" + strings.Trim(strings.ReplaceAll(dir, "/", ""), ".")
			r := run(t, "bash -c '"+command+w.secure.URL+"/"+name+"/a'", w.env(home, home+dir+":"+wrapped+":/usr/bin:/bin", "FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file))
			if got := asked(); r.status != 0 || r.files["/got"] != string(content("/a")) || got != n || w.count("origin", name) > 0 {
				t.Errorf("%s%s: asked %d times, %+v", dir, command, got, r)
			}
		}
	}
}

// TestCAFileLimits holds that no limit of data ends a call, because the build that speaks TLS needs
// more of it than the plain one.
func TestCAFileLimits(t *testing.T) {
	if withoutEarly != "" {
		t.Skip(withoutEarly)
	}
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	for _, data := range []string{"20000000", "50000000", "65000000", "68000000", "72000000", "80000000", "100000000", "250000000", "300000000"} {
		r := run(t, "prlimit --data="+data+" curl -sS "+w.secure.URL+"/l/a", w.env(t.TempDir(), tools+":"+realPath(),
			"FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file))
		if r.status != 0 || r.stdout != string(content("/a")) || r.stderr != "" {
			t.Errorf("%s: %d %.300s", data, r.status, r.stderr)
		}
	}
	if w.count("cache", "l") == 0 {
		t.Error("no limit left room for a hit")
	}
}

// TestCAFileTrusted holds that a hit at an https origin, which needs no look at the origin, is one for
// wget without options too, and that the CA goes to the tool with a hit alone.
func TestCAFileTrusted(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	env := w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file, "CURL_CA_BUNDLE=/nonexistent")
	for _, command := range []string{"curl -sS ", "wget -qO- ", "curl -sS --compressed ", "wget -q -t1 -O - "} {
		if r := run(t, command+w.secure.URL+"/t/a", env); r.status != 0 || r.stdout != string(content("/a")) {
			t.Errorf("%s: %+v", command, r)
		}
	}
	tool := place(t, "curl", script("#!/bin/sh\necho \"$CURL_CA_BUNDLE\" \"$@\"\n"))
	for path, trusted := range map[string]string{"/a": ca.file, "/unheld/a": "the user's"} {
		r := run(t, "curl "+w.secure.URL+"/t"+path, w.env(t.TempDir(), tools+":"+tool+":/bin", "FROMCACHE_SERVER="+cache,
			"FROMCACHE_CA_FILE="+ca.file, "CURL_CA_BUNDLE=the user's"))
		if !strings.HasPrefix(r.stdout, trusted+" ") {
			t.Errorf("%s: %+v", path, r)
		}
	}
	r := run(t, "curl "+w.secure.URL+"/t/a", w.env(t.TempDir(), tools+":"+tool+":/bin", "FROMCACHE_SERVER="+w.cache.URL,
		"FROMCACHE_CA_FILE="+ca.file, "CURL_CA_BUNDLE=the user's"))
	if !strings.HasPrefix(r.stdout, "the user's "+w.cache.URL+"/b/") {
		t.Errorf("with an http cache: %+v", r)
	}
}

// TestCAFileFaults holds that a script works, and learns why if it asks, where a CA file, a
// certificate or a server is not as it should be.
func TestCAFileFaults(t *testing.T) {
	w := newWorld(t)
	ca, other := newAuthority(t, nil), newAuthority(t, nil)
	middle := newAuthority(t, ca)
	key := elliptic256(t)
	weak := rsaKey(t, 1024)
	at := func(cert tls.Certificate) string { return serveTLS(t, w.cache.Config.Handler, cert, nil) }
	good := at(ca.sign(t, key, nil))
	dir := t.TempDir()
	file := func(name, text string) string {
		write(t, dir+"/"+name, text)
		return dir + "/" + name
	}
	pemOf, _ := os.ReadFile(ca.file)
	// edited writes the CA's file with what ends BEGIN, or else its second line, changed.
	edited := func(name, from, to string) string {
		at := bytes.Index(pemOf, []byte("-\n"))
		if from == "\n" {
			at += 2 + bytes.IndexByte(pemOf[at+2:], '\n')
		}
		return file(name, string(pemOf[:at])+strings.Replace(string(pemOf[at:]), from, to, 1))
	}
	exec.Command("mkfifo", dir+"/fifo").Run()
	raw := func(serve func(net.Conn)) string {
		addr, _ := rawCache(t, serve)
		return "https://" + addr
	}
	for _, c := range []struct{ cache, ca, reason string }{
		{good, dir + "/absent", "absent can't be used: no such file"},
		{good, dir, "can't be used: "},
		{good, dir + "/fifo", "fifo can't be used: not a plain file"},
		{good, "ca.pem", "no absolute path"},
		{good, file("empty", "\n"), "it is empty"},
		{good, file("der", string(ca.cert.Raw)), "no certificate in PEM"},
		{good, file("half", string(pemOf[:len(pemOf)/2])), "no certificate in PEM"},
		{good, file("hole", string(pemOf)+string(pemOf[:len(pemOf)/2])), "cut short or damaged"},
		{good, file("key", string(pemOf)+"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "part 2 of it is no certificate"},
		{good, file("bytes", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "part 1 of it is no certificate"},
		{good, edited("header", "-\n", "-\nProc-Type: 4,CLEAR\n\n"), "part 1 of it has a header"},
		{good, edited("blank", "\n", "\n\n"), "an empty line"},
		{good, edited("blanks", "\n", "\n \t\n"), "an empty line"},
		{good, edited("cr", "\n", "\r"), "a line end of \\r alone"},
		{good, other.file, "no certificate in FROMCACHE_CA_FILE signed the cache's"},
		{at(middle.sign(t, key, nil)), middle.file, "lacks the root"},
		{at(ca.sign(t, key, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), ca.file, "expired"},
		{at(ca.sign(t, key, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), ca.file, "not valid yet"},
		{at(ca.sign(t, key, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"cache.example"} })), ca.file, "another host name"},
		{at(ca.sign(t, key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), ca.file, "digitalSignature"},
		{at(ca.sign(t, weak, nil)), ca.file, "less than 2048 bits"},
		{strings.Replace(w.cache.URL, "http:", "https:", 1), ca.file, "does not speak TLS"},
		{raw(func(c net.Conn) { c.Close() }), ca.file, "the TLS handshake with the cache failed"},
		{raw(func(c net.Conn) { c.Write(bytes.Repeat([]byte{22, 3, 3, 0, 1, 0}, 1000)) }), ca.file, "the TLS handshake with the cache failed"},
		{"https://127.0.0.1:1", ca.file, "the cache can't be reached"},
	} {
		for _, command := range []string{"curl -sS " + w.secure.URL + "/f/a", "curl -sSO " + w.origin.URL + "/f/a", "wget -q " + w.origin.URL + "/f/a"} {
			direct := run(t, command, w.env(t.TempDir(), realPath()))
			through := run(t, command, w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+c.cache, "FROMCACHE_CA_FILE="+c.ca, "FROMCACHE_VERBOSE=1"))
			if d := differ(direct, through); d != "" || direct.status != 0 {
				t.Errorf("%s: %s: %s%+v", c.ca, command, d, through)
			}
			if !strings.Contains(through.stderr, ": pass: ") || !strings.Contains(through.stderr, c.reason) {
				t.Errorf("%s: %q, want %q", command, through.stderr, c.reason)
			}
		}
	}
	if n := w.count("cache", "f"); n > 0 {
		t.Errorf("%d answers of the cache were taken", n)
	}
}

// TestCAFilePolicy holds that the tool itself asks for a hit where a policy of the machine may refuse
// a key, so that a call passes where one does; and that it need not for the keys of help https.
func TestCAFilePolicy(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	dir := t.TempDir()
	write(t, dir+"/openssl", "openssl_conf=o\n[o]\nssl_conf=s\n[s]\nsystem_default=d\n[d]\nCipherString=DEFAULT@SECLEVEL=3\n")
	write(t, dir+"/gnutls", "[overrides]\nmin-verification-profile = high\n")
	policy := []string{"OPENSSL_CONF=" + dir + "/openssl", "GNUTLS_SYSTEM_PRIORITY_FILE=" + dir + "/gnutls"}
	wrapped, asked := asking(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		key            crypto.Signer
		asked          int
		strict, refuse bool
	}{
		{rsaKey(t, 2048), 1, true, true},
		{rsaKey(t, 2048), 1, false, false},
		{rsaKey(t, 3072), 0, true, false},
		{elliptic256(t), 0, true, false},
		{ed, 1, false, false},
	} {
		cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, c.key, nil), nil)
		for _, tool := range []string{"curl -sS ", "wget -qO- "} {
			name := "p" + string(rune('A'+i)) + tool[:1]
			env := w.env(t.TempDir(), tools+":"+wrapped+":/usr/bin:/bin", "FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file, "FROMCACHE_VERBOSE=1")
			if c.strict {
				env = append(env, policy...)
			}
			r := run(t, tool+w.secure.URL+"/"+name+"/a", env)
			if n := asked(); n != c.asked {
				t.Errorf("%d %s: the real tool was asked %d times, want %d", i, tool, n, c.asked)
			}
			if hit := r.stdout == string(content("/a")) && w.count("cache", name) > 0; hit == c.refuse {
				t.Errorf("%d %s: %+v", i, tool, r)
			}
			if c.refuse != strings.Contains(r.stderr, "does not trust the cache's certificate; it may") {
				t.Errorf("%d %s: %s", i, tool, r.stderr)
			}
		}
	}
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestDoctorKnowsCertificates holds that a fault of a certificate is named, and is not taken for a
// cache that speaks plain http because the port of TLS answers 400 to that.
func TestDoctorKnowsCertificates(t *testing.T) {
	w := newWorld(t)
	ca, other := newAuthority(t, nil), newAuthority(t, nil)
	key := elliptic256(t)
	good := serveTLS(t, w.cache.Config.Handler, ca.sign(t, key, nil), nil)
	elsewhere := serveTLS(t, w.cache.Config.Handler, ca.sign(t, key, func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{"cache.example"}
	}), nil)
	for _, c := range []struct {
		cache, ca string
		status    int
		say       string
	}{
		{good, ca.file, 0, "ok    cache " + good},
		{good, ca.file, 0, "=" + ca.file + " has 1 certificate\n"},
		{good, other.file, 1, "can't be used: no certificate in FROMCACHE_CA_FILE signed the cache's: fromcache help https"},
		{elsewhere, ca.file, 1, "can't be used: the cache's certificate is for another host name: fromcache help https"},
	} {
		want(t, t.TempDir(), "PATH="+tools+":$PATH FROMCACHE_SERVER="+c.cache+" FROMCACHE_CA_FILE="+c.ca+" $S doctor", c.status, c.say, "!does not speak")
	}
}

// TestDoctorKnowsSandboxes holds that doctor names a tool that can't read the CA's file.
func TestDoctorKnowsSandboxes(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	for tool, text := range map[string]string{
		"curl": "#!/bin/sh\nCURL_CA_BUNDLE=/nonexistent exec /usr/bin/curl \"$@\"\n",
		"wget": "#!/bin/sh\nshift; exec /usr/bin/wget --no-config \"$@\" --ca-certificate=/nonexistent\n",
	} {
		want(t, t.TempDir(), "PATH="+tools+":"+place(t, tool, script(text))+":/usr/bin:/bin FROMCACHE_SERVER="+cache+" FROMCACHE_CA_FILE="+ca.file+" $S doctor",
			1, "can't be used: "+tool+" does not trust the cache's certificate; it may be unable to read FROMCACHE_CA_FILE")
	}
}

// TestCAFileHangs holds that a handshake that hangs ends with FROMCACHE_TIMEOUT, and that such a
// cache is not asked again at once.
func TestCAFileHangs(t *testing.T) {
	ca := newAuthority(t, nil)
	addr, asked := rawCache(t, hang)
	scratch := t.TempDir()
	for _, want := range []string{"did not finish the TLS handshake in time", "down a moment ago"} {
		r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER=https://"+addr, "FROMCACHE_CA_FILE="+ca.file, "FROMCACHE_TIMEOUT=1",
			"FROMCACHE_VERBOSE=1", "TMPDIR="+scratch)
		if !strings.HasPrefix(r.stdout, "curl|"+vendorURL+"|") || !strings.Contains(r.stderr, want) {
			t.Errorf("%+v", r)
		}
		freshen(t, scratch)
	}
	if n := asked.Load(); n > 3 { // in the time of one call
		t.Errorf("connected %d times", n)
	}
}

// TestCAFileNewerTLS holds that a cache that speaks TLS 1.3 alone is asked by the real tool, which
// may do so or not.
func TestCAFileNewerTLS(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), &tls.Config{MinVersion: tls.VersionTLS13})
	wrapped, asked := asking(t)
	for _, command := range []string{"curl -sS ", "wget -qO- "} {
		for _, origin := range []string{w.origin.URL, w.secure.URL} {
			r := run(t, command+origin+"/n/a", w.env(t.TempDir(), tools+":"+wrapped+":/usr/bin:/bin", "FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file))
			if r.stdout != string(content("/a")) || asked() == 0 {
				t.Errorf("%s: %+v", command, r)
			}
		}
	}
	if n := w.count("cache", "n"); n != 4 {
		t.Errorf("%d hits", n)
	}
}

// TestCAFileToolWithoutTLS holds that a tool that was built without TLS, or trusts nobody, is not
// sent to an https cache with an http URL.
func TestCAFileToolWithoutTLS(t *testing.T) {
	ca := newAuthority(t, nil)
	cache := serveTLS(t, http.HandlerFunc(holds), ca.sign(t, elliptic256(t), nil), nil)
	for _, tool := range []string{"curl", "wget"} {
		dir := place(t, tool, script("#!/bin/sh\ncase \"$*\" in *https:*) echo no TLS >&2; exit 1;; esac\necho \"$@\"\n"))
		r := run(t, tool+" http://vendor.example/a.run", []string{"PATH=" + tools + ":" + dir + ":/bin", "TMPDIR=" + t.TempDir(), "HOME=/nonexistent",
			"FROMCACHE_SERVER=" + cache, "FROMCACHE_CA_FILE=" + ca.file})
		if r.stdout != "http://vendor.example/a.run\n" || r.stderr != "" {
			t.Errorf("%s: %+v", tool, r)
		}
	}
}

// TestCAFileOtherWgets holds that wget2 is told of the CA as wget is, and that busybox, which checks
// no certificate, is not sent to an https cache.
func TestCAFileOtherWgets(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, w.cache.Config.Handler, ca.sign(t, elliptic256(t), nil), nil)
	for tool, hit := range map[string]bool{"wget2": true, "busybox": false} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Logf("%s is not installed", tool)
			continue
		}
		link := t.TempDir() + "/wget"
		os.Symlink(real, link)
		server, name := w.origin.URL, "x"+tool
		if hit {
			server = w.secure.URL
		}
		r := run(t, "wget -q -O got "+server+"/"+name+"/a", w.env(t.TempDir(), tools+":/usr/bin:/bin", "REAL_WGET="+link,
			"FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file))
		if r.status != 0 || r.files["/got"] != string(content("/a")) || (w.count("cache", name) > 0) != hit {
			t.Errorf("%s: %+v %v", tool, r, w.seen)
		}
	}
}

// TestCAFileRedirect holds that an https cache that redirects is no hit, so that no tool follows it
// with the cache's CA.
func TestCAFileRedirect(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	cache := serveTLS(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Fromcache-Sha256", aDigest)
		http.Redirect(rw, r, w.secure.URL+"/elsewhere/a", http.StatusTemporaryRedirect)
	}), ca.sign(t, elliptic256(t), nil), nil)
	r := run(t, "curl -sSL "+w.secure.URL+"/r/a", w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+cache, "FROMCACHE_CA_FILE="+ca.file))
	if r.status != 0 || r.stdout != string(content("/a")) || w.count("origin", "elsewhere") > 0 {
		t.Errorf("%+v", r)
	}
}

// TestSubPath holds that a cache below a path of a host is asked and used there, over both schemes.
func TestSubPath(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t, nil)
	front := http.NewServeMux()
	front.Handle("/lab/cache/", http.StripPrefix("/lab/cache", w.cache.Config.Handler))
	plain := httptest.NewServer(front)
	defer plain.Close()
	secure := serveTLS(t, front, ca.sign(t, elliptic256(t), nil), nil)
	for i, server := range []string{plain.URL + "/lab/cache", plain.URL + "/lab/cache/", secure + "/lab/cache"} {
		name := "s" + string(rune('A'+i))
		for _, command := range []string{"curl -sS ", "wget -qO- ", "printf '/a\\n' >a; cat a; curl -sSC - -O ", "printf '/a\\n' >a; wget -qc "} {
			home := t.TempDir()
			r := run(t, command+w.origin.URL+"/"+name+"/a", w.env(home, tools+":"+realPath(), "FROMCACHE_SERVER="+server, "FROMCACHE_CA_FILE="+ca.file))
			if got := r.stdout + r.files["/a"]; r.status != 0 || !strings.HasSuffix(got, string(content("/a"))) {
				t.Errorf("%s at %s: %+v", command, server, r)
			}
		}
		if w.count("cache", name) == 0 || w.count("origin", name) > 0 {
			t.Errorf("%s: %v", server, w.seen)
		}
		want(t, t.TempDir(), "PATH="+tools+":$PATH FROMCACHE_SERVER="+server+" FROMCACHE_CA_FILE="+ca.file+" $S doctor", 0,
			"ok    cache "+strings.TrimSuffix(server, "/"), map[bool]string{true: "ok    FROMCACHE_CA_FILE", false: "!CA_FILE"}[server[4] == 's'], "!wrong")
	}
}
