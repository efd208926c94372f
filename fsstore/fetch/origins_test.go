package fetch

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"fromcache/fsstore"
)

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
