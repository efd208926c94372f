package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair writes a certificate for 127.0.0.1 that vouches for itself, and its key, into dir.
func pair(t *testing.T, dir string, from, until time.Time) (o *serveFlags) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: serial, NotBefore: from, NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o = &serveFlags{tlsCert: filepath.Join(dir, "cert.pem"), tlsKey: filepath.Join(dir, "key.pem")}
	write(t, o.tlsCert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, o.tlsKey, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return o
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateFollowsItsFiles: a new pair is used, a broken one is not, and said at the second look.
func TestCertificateFollowsItsFiles(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	o := pair(t, dir, now, now.AddDate(1, 0, 0))
	c, err := newCertificate(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		t.Helper()
		got, err := c.config().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.SerialNumber.String()
	}
	first := shown()
	pair(t, dir, now, now.AddDate(1, 0, 0))
	if err := c.look(); err != nil || shown() == first {
		t.Errorf("a new pair is not used: %v", err)
	}
	second := shown()
	write(t, o.tlsKey, "half a key")
	if err := c.look(); err != nil {
		t.Errorf("said at once, though the other file may be on its way: %v", err)
	}
	if err := c.look(); err == nil || !strings.Contains(err.Error(), "key.pem") || shown() != second {
		t.Errorf("a broken pair: %v", err)
	}
	pair(t, dir, now.AddDate(-1, 0, 0), now.AddDate(0, 0, 3))
	if err := c.look(); err == nil || !strings.Contains(err.Error(), "it ends at") || shown() == second {
		t.Errorf("one that ends in three days: %v", err)
	}
	pair(t, dir, now, now.Add(160*time.Hour))
	if err := c.look(); err != nil {
		t.Errorf("a fresh one of a week: %v", err)
	}
}

// TestCertificateAtTheStart: what can't work is an error then, and says what to do.
func TestCertificateAtTheStart(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	o := pair(t, dir, time.Now(), time.Now().AddDate(1, 0, 0))
	for want, flags := range map[string]*serveFlags{
		"give both": {tlsCert: o.tlsCert},
		"no such":   {tlsCert: o.tlsCert, tlsKey: filepath.Join(dir, "absent")},
		"switched":  {tlsCert: o.tlsKey, tlsKey: o.tlsCert},
	} {
		if _, err := newCertificate(flags, log); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", *flags, err, want)
		}
	}
	c, err := newCertificate(&serveFlags{}, log)
	if err != nil || c.config() != nil || c.scheme() != "http" {
		t.Errorf("without flags: %v", err)
	}
}

// TestServeTLS runs the server, takes a new pair, and asks for its health.
func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	o := pair(t, dir, time.Now(), time.Now().AddDate(1, 0, 0))
	p := newProcess(t, "", "FROMCACHE_TLS_CERT="+o.tlsCert)
	p.start("--tls-key", o.tlsKey)
	addr := strings.TrimPrefix(p.url, "http://")
	serial := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	if !strings.Contains(p.log(), "url=https://"+addr+"/") {
		t.Errorf("the log has no address to click:\n%s", p.log())
	}
	_, port, _ := net.SplitHostPort(addr)
	if out, err := p.program("health", "--port", port).CombinedOutput(); err != nil {
		t.Errorf("health: %v\n%s", err, out)
	}
	before := serial()
	pair(t, dir, time.Now(), time.Now().AddDate(1, 0, 0))
	for end := time.Now().Add(2 * patience); serial() == before; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new pair is not used")
		}
	}
}
