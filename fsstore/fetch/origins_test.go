package fetch

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/origins"
)

func TestOriginsFile(t *testing.T) {
	for _, c := range []struct {
		text, want string // names and values of what goes over https; "-" for an error
		allowHTTP  string // and over http
	}{
		{"", "map[]", "map[]"},
		{"Authorization: Bearer x\n", "map[Authorization:[Bearer x]]", "map[]"},
		{"# comment\r\n\r\nprivate-token:  abc \r\n", "map[Private-Token:[abc]]", "map[]"},
		{"# allow http\nA: 1\nA: 2", "map[A:[1 2]]", "map[A:[1 2]]"},
		{"#Allow HTTP\n", "map[]", "map[]"},
		{"# do not allow http\nA: 1", "map[A:[1]]", "map[]"},
		{"A: b: c", "map[A:[b: c]]", "map[]"},
		{"Referer: https://v.example/\nCookie: a=b\nuser-agent: x/1\n", "map[Cookie:[a=b] Referer:[https://v.example/] User-Agent:[x/1]]", "map[Referer:[https://v.example/] User-Agent:[x/1]]"},
		{"http1\nheader-timeout\t10m\nmax-connections 2\nKey: x\n", "map[Key:[x]]", "map[]"},
		{"Bearer x", "-", ""}, {": x", "-", ""}, {"A B: x", "-", ""}, {"A: \x01", "-", ""}, {"A:", "-", ""}, {"A\x7f: x", "-", ""},
		{"Host: evil", "-", ""}, {"range: bytes=0-", "-", ""}, {"Accept-Encoding: gzip", "-", ""}, {"Transfer-Encoding: x", "-", ""},
		{"header-timeout", "-", ""}, {"header-timeout 10", "-", ""}, {"header-timeout -1s", "-", ""}, {"max-connections 0", "-", ""}, {"max-connections Bearer", "-", ""},
		{"http1 off", "-", ""}, {"http1: on", "-", ""}, {"Header-Timeout: 10m", "-", ""}, {"cert: c.pem", "-", ""}, {"ca: c.pem", "-", ""}, {"max-connections: 2", "-", ""},
		{"cert", "-", ""}, {"cert Bearer", "-", ""}, {"key Bearer", "-", ""}, {"ca Bearer", "-", ""}, {"ca /Bearer", "-", ""}, {"ca ../Bearer", "-", ""},
	} {
		site, err := origins.Dir{Files: fstest.MapFS{}}.Parse("h", c.text)
		if c.want == "-" {
			if err == nil || strings.Contains(err.Error(), "Bearer") {
				t.Errorf("%q: %v", c.text, err)
			}
		} else if err != nil || fmt.Sprint(site.Lines(true)) != c.want || fmt.Sprint(site.Lines(false)) != c.allowHTTP {
			t.Errorf("%q: %v %v %v", c.text, site.Lines(true), site.Lines(false), err)
		}
	}
	site, err := origins.Dir{}.Parse("h", "http1\nheader-timeout 10m\nmax-connections 2\n")
	if err != nil || !site.HTTP1 || site.HeaderTimeout != 10*time.Minute || site.Connections != 2 {
		t.Errorf("%+v %v", site, err)
	}
}

// FuzzParse: no header line of a file holds what ends a line, or sets a field of the server's.
func FuzzParse(f *testing.F) {
	f.Add("A: b\n# allow http")
	f.Fuzz(func(t *testing.T, text string) {
		site, err := origins.Dir{Files: fstest.MapFS{}}.Parse("h", text)
		for name, values := range site.Header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || origins.Reserved[name] || err != nil {
				t.Errorf("%q: %q %v", text, site.Header, err)
			}
		}
	})
}

func TestOriginsModes(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o700: true, 0o644: false, 0o604: false, 0o660: false, 0o620: false, 0o666: false,
		0o602: false, 0o601: false, 0o777: false, fs.ModeNamedPipe | 0o600: false, fs.ModeDevice | 0o600: false,
	} {
		dir := fstest.MapFS{"h.example": {Data: []byte("A: secret-word\n"), Mode: mode}}
		_, err := New(nil, Options{Origins: dir})
		var unsafe *origins.FileError
		if (err == nil) != ok || err != nil && (!errors.As(err, &unsafe) || !strings.Contains(err.Error(), "h.example") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%v: %v", mode, err)
		}
		if !ok && mode.IsRegular() && !strings.Contains(err.Error(), "chmod 600 it") {
			t.Errorf("%v: %v does not say what to do", mode, err)
		}
	}
	for name, ok := range map[string]bool{
		"h.example": true, "10.0.0.1": true, "::1": true, "2001:db8::1": true, "localhost": true, ".hidden": true, "h.example~": true, "client.pem": true, "lab.key": true,
		"H.example": false, "h.example:443": false, "[::1]": false, "h.example.": false, "a b": false, "u@h": false, "0:0:0:0:0:0:0:1": false,
	} {
		_, err := New(nil, Options{Origins: fstest.MapFS{name: {Data: []byte("A: b\n"), Mode: 0o600}}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	big := fstest.MapFS{"h": {Data: bytes.Repeat([]byte("# x\n"), 20<<10), Mode: 0o600}}
	if _, err := New(nil, Options{Origins: big}); err == nil {
		t.Error("80 KiB pass")
	}
	if _, err := New(nil, Options{Origins: fstest.MapFS{"sub/h": {Data: []byte("junk"), Mode: 0o666}}}); err != nil {
		t.Errorf("a directory in it: %v", err)
	}
}

func TestOriginsDirectory(t *testing.T) {
	dir := credentialsDir(t, "h.example", "A: b\n", 0o600)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for mode, ok := range map[os.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o777: false} {
		os.Chmod(dir, mode)
		if _, err := New(nil, Options{Origins: root.FS()}); (err == nil) != ok {
			t.Errorf("%o: %v", mode, err)
		}
	}
	os.Chmod(dir, 0o700)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "l.example")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(nil, Options{Origins: root.FS()}); err == nil {
		t.Error("a link out of the directory passes")
	}
	os.Remove(filepath.Join(dir, "l.example"))
	if err := syscall.Mkfifo(filepath.Join(dir, "p.example"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(nil, Options{Origins: root.FS()}); err == nil || !strings.Contains(err.Error(), "p.example is no regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := New(nil, Options{Origins: os.DirFS(filepath.Join(dir, "absent"))}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
}

// dirFS is a directory of origins with one file.
func dirFS(t *testing.T, host, text string) fs.FS {
	return os.DirFS(credentialsDir(t, host, text, 0o600))
}

// pems are a certificate and its key.
func pems(t *testing.T, name string) (cert, private []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kb})
}

// TestOriginsCertificates: a host that wants a client certificate gets the one that its file names, and a CA of one's own
// vouches for the host that names it alone.
func TestOriginsCertificates(t *testing.T) {
	cert, private := pems(t, "origin")
	mine, myKey := pems(t, "client")
	_, otherKey := pems(t, "other")
	pair, _ := tls.X509KeyPair(cert, private)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		clients := x509.NewCertPool()
		clients.AppendCertsFromPEM(mine)
		base, _ := tlsOrigin(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MaxVersion: version}, version == tls.VersionTLS13)
		files := func(host, text string) fstest.MapFS {
			m := fstest.MapFS{host: {Data: []byte(text), Mode: 0o600}}
			for name, b := range map[string][]byte{"c.pem": mine, "k.key": myKey, "tls/both.pem": slices.Concat(mine, myKey), "ca.crt": cert, "other.key": otherKey} {
				m[name] = &fstest.MapFile{Data: b, Mode: 0o600}
			}
			return m
		}
		for _, c := range []struct{ host, text, reason string }{
			{"127.0.0.1", "cert c.pem\nkey k.key\nca ca.crt\n", ""},
			{"127.0.0.1", "cert tls/both.pem\nca ca.crt\n", ""},
			{"127.0.0.1", "cert /c.pem\nkey /k.key\nca /ca.crt\n", ""},
			{"127.0.0.1", "ca ca.crt\n", "`cert FILE`"},
			{"127.0.0.1", "cert c.pem\nkey k.key\n", "the certificate of 127.0.0.1 can't be verified"},
			{"127.0.0.2", "cert c.pem\nkey k.key\nca ca.crt\n", "the certificate of 127.0.0.1 can't be verified"},
		} {
			m := files(c.host, c.text)
			l := newLab(t, Options{Origins: m, Root: m})
			if st, reason := l.fetch(fsstore.Addition{URL: base + "/f.run"}); (st == fsstore.Done) != (c.reason == "") || !strings.Contains(reason, c.reason) {
				t.Errorf("%x %s %q: %s: %s", version, c.host, c.text, st, reason)
			}
		}
		for text, want := range map[string]string{
			"cert c.pem\nkey other.key\n": "can't be used", "cert c.pem\n": "can't be used", "ca k.key\n": "holds no certificate",
			"cert none.pem\n": "does not exist", "key k.key\n": "without `cert`", "cert tls\n": "regular file",
		} {
			_, err := New(nil, Options{Origins: files("h.example", text)})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	open := fstest.MapFS{"h": {Data: []byte("cert c.pem\nkey k.key\n"), Mode: 0o600}, "c.pem": {Data: mine, Mode: 0o644}, "k.key": {Data: myKey, Mode: 0o644}}
	if _, err := New(nil, Options{Origins: open}); err == nil || !strings.Contains(err.Error(), "can be read or written by others") {
		t.Errorf("a key that all can read: %v", err)
	}
}

// TestOriginsFields: a file speaks for its host at any hop, and says no secret over http unasked.
func TestOriginsFields(t *testing.T) {
	there := lyingAt(t, "127.0.0.2:0", nil, func(w *wire) {
		if w.req.Referer() != "https://www.vendor.example/" || w.req.UserAgent() != "Vendor/1" {
			w.say("403 Forbidden", []string{"Content-Length: 0"}, nil)
			return
		}
		w.ok(body)
	})
	here := newLying(t, func(w *wire) {
		w.say("302 Found", []string{"Location: " + there.url + "/g.run", "Content-Length: 0"}, nil)
	})
	l := newLab(t, Options{AllowOrigin: loopback, Origins: dirFS(t, "127.0.0.2", "Referer: https://www.vendor.example/\nUser-Agent: Vendor/1\nAuthorization: Bearer "+canary)})
	if _, err := l.s.NoteMiss(here.url+"/f.run", fsstore.Asker{Addr: "10.0.0.7", UserAgent: "curl/8"}); err != nil {
		t.Fatal(err)
	}
	if st, reason := l.fetch(fsstore.Addition{URL: here.url + "/f.run"}); st != fsstore.Done {
		t.Errorf("%s: %s", st, reason)
	}
	refuses := newLying(t, always("403 Forbidden"))
	l = newLab(t, Options{Origins: dirFS(t, "127.0.0.1", "Authorization: Bearer "+canary)})
	if st, reason := l.fetch(fsstore.Addition{URL: refuses.url + "/f.run"}); st != fsstore.Failed || !strings.Contains(reason, "`# allow http`") {
		t.Errorf("what was withheld: %s: %s", st, reason)
	}
	if a := there.requests()[0].Header.Get("Authorization"); a != "" || here.requests()[0].UserAgent() != "curl/8" {
		t.Errorf("sent %q over http; the other host was asked as %s", a, here.requests()[0].UserAgent())
	}
}

// TestOriginsConnections: no more downloads of a host at once than its file allows; the others wait, and no attempt counts.
func TestOriginsConnections(t *testing.T) {
	var now, most atomic.Int32
	o := newLying(t, func(w *wire) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(20 * time.Millisecond)
		w.ok(body)
	})
	l := newLab(t, Options{Workers: 4, Retries: 1, Origins: dirFS(t, "127.0.0.1", "max-connections 1\n")})
	for i := range 20 {
		l.add(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.p.Run(ctx) }()
	l.until("all are done", func() bool { n, _ := l.s.Count(fsstore.Done); return n == 20 })
	cancel()
	<-ended
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
	done, _ := l.s.Jobs(fsstore.Done)
	for _, j := range done {
		if j.Job.Attempts() > 0 || j.Job.Waits() > 0 || len(j.Job.Events) > 100 {
			t.Errorf("%s: %d attempts, %d lines", j.Name, j.Job.Attempts(), len(j.Job.Events))
		}
	}
}

// TestPatience: an origin is waited for as long as its file says; else longer than the default while nobody else waits.
func TestPatience(t *testing.T) {
	o := newLying(t, func(w *wire) {
		time.Sleep(300 * time.Millisecond)
		w.ok(body)
	})
	for _, c := range []struct {
		name, file string
		header     time.Duration
		wanted     bool
		reason     string
	}{
		{"nobody waits", "", 100 * time.Millisecond, false, ""},
		{"nobody waits, far too long", "", 5 * time.Millisecond, false, "no header in 50ms"},
		{"others wait", "", 100 * time.Millisecond, true, "no header in 100ms"},
		{"the file says so", "header-timeout 1m\n", time.Millisecond, true, ""},
		{"the file says less", "header-timeout 10ms\n", time.Minute, false, "header-timeout 10m"},
	} {
		l := newLab(t, Options{Retries: 1, Header: c.header, Origins: dirFS(t, "127.0.0.1", c.file)})
		l.p.wanted.Store(c.wanted)
		if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"}); (st == fsstore.Done) != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %s: %s", c.name, st, reason)
		}
	}
}

// TestNoneGivenUp: a header that comes just as patience ends is followed by its body.
func TestNoneGivenUp(t *testing.T) {
	o := newLying(t, func(w *wire) {
		w.say("200 OK", []string{length}, body[:half])
		time.Sleep(50 * time.Millisecond)
		w.Write(body[half:])
	})
	l := newLab(t, Options{Retries: 1, Header: time.Millisecond})
	for i := range 20 {
		if st, reason := l.fetch(fsstore.Addition{URL: fmt.Sprintf("%s/%d.run", o.url, i)}); st != fsstore.Done && !strings.Contains(reason, "no header") {
			t.Errorf("%s: %s", st, reason)
		}
	}
}
