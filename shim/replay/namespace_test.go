package replay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ca is a certificate authority that vouches for every name there is.
type ca struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	mu   sync.Mutex
	made map[string]*tls.Certificate
}

func newCA(t *testing.T) *ca {
	c := &ca{made: map[string]*tls.Certificate{}}
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the replay's own"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, &c.key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *ca) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// leaf returns a certificate for the name that a client asked for, or for the address that it
// dialled.
func (c *ca) leaf(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hello.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if made := c.made[name]; made != nil {
		return made, nil
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(c.made)) + 2), Subject: pkix.Name{CommonName: "origin"},
		NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, c.cert, &c.key.PublicKey, c.key)
	if err != nil {
		return nil, err
	}
	c.made[name] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: c.key}
	return c.made[name], nil
}

// Where every name leads: no address of this machine's interfaces, as an origin's is none.
var (
	everyName4 = net.IPv4(198, 18, 7, 1).To4()
	everyName6 = net.ParseIP("2001:db8:7::1")
)

// serveNames answers DNS questions: every name has both addresses, save what ends in .invalid. The
// answer is the question with one record behind it, RFC 1035, 4.1.
func serveNames(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := answerName(buf[:n]); answer != nil {
				c.WriteTo(answer, from)
			}
		}
	}()
}

func answerName(q []byte) []byte {
	end := 12
	var labels []string
	for end < len(q) && q[end] != 0 {
		next := end + 1 + int(q[end])
		if next >= len(q) {
			return nil
		}
		labels = append(labels, string(q[end+1:next]))
		end = next
	}
	if end += 5; end > len(q) || len(labels) == 0 {
		return nil
	}
	a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	var ip net.IP
	switch kind := binary.BigEndian.Uint16(q[end-4:]); {
	case strings.EqualFold(labels[len(labels)-1], "invalid"):
		a[3] |= 3 // no such name
	case kind == 1:
		ip = everyName4
	case kind == 28:
		ip = everyName6
	}
	if ip != nil {
		a[7] = 1
		a = append(a, 0xc0, 12, q[end-4], q[end-3], 0, 1, 0, 0, 0, 60, 0, byte(len(ip)))
		a = append(a, ip...)
	}
	return a
}

// makeRoot makes the root directory of the tools: this machine's programs, read only, and around
// them writable directories of memory, with an /etc in which the only authority is ours and names
// are asked of us.
func makeRoot(t *testing.T, authority []byte) string {
	root := t.TempDir()
	must(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(t, syscall.Mount("tmpfs", root, "tmpfs", 0, "size=3g,mode=755"))
	t.Cleanup(func() { syscall.Unmount(root, syscall.MNT_DETACH) })
	for _, name := range []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu"} {
		bindTop(t, root, name)
	}
	for _, d := range []string{"etc/ssl/certs", "etc/pki/tls/certs", "proc", "dev", "tmp", "root", "home/user", "opt", "srv", "mnt", "var/tmp", "run", "shim", "host"} {
		must(t, os.MkdirAll(root+"/"+d, 0o755))
	}
	must(t, syscall.Mount("tmpfs", root+"/usr/local/bin", "tmpfs", 0, "mode=755"))
	must(t, syscall.Mount("proc", root+"/proc", "proc", 0, ""))
	for _, d := range []string{"null", "zero", "full", "random", "urandom"} {
		must(t, os.WriteFile(root+"/dev/"+d, nil, 0o644))
		must(t, syscall.Mount("/dev/"+d, root+"/dev/"+d, "", syscall.MS_BIND, ""))
	}
	for to, name := range map[string]string{"/proc/self/fd": "fd", "/proc/self/fd/0": "stdin", "/proc/self/fd/1": "stdout", "/proc/self/fd/2": "stderr"} {
		must(t, os.Symlink(to, root+"/dev/"+name))
	}
	for name, text := range map[string]string{
		"passwd": "root:x:0:0::/root:/bin/sh\n", "group": "root:x:0:\n", "nsswitch.conf": "hosts: files dns\n",
		"hosts": "127.0.0.1 localhost\n::1 localhost\n", "resolv.conf": "nameserver 127.0.0.1\n",
		"ssl/certs/ca-certificates.crt": string(authority), "ssl/cert.pem": string(authority), "pki/tls/certs/ca-bundle.crt": string(authority),
	} {
		must(t, os.WriteFile(root+"/etc/"+name, []byte(text), 0o644))
	}
	for _, name := range []string{"ld.so.cache", "wgetrc", "ssl/openssl.cnf"} {
		if data, err := os.ReadFile("/etc/" + name); err == nil {
			must(t, os.WriteFile(root+"/etc/"+name, data, 0o644))
		}
	}
	return root
}

// bindTop puts a directory or link of this machine's root into another.
func bindTop(t *testing.T, root, name string) {
	info, err := os.Lstat("/" + name)
	if err != nil {
		return
	}
	if to, err := os.Readlink("/" + name); err == nil {
		must(t, os.Symlink(to, root+"/"+name))
	} else if info.IsDir() {
		must(t, os.Mkdir(root+"/"+name, 0o755))
		must(t, syscall.Mount("/"+name, root+"/"+name, "", syscall.MS_BIND|syscall.MS_REC, ""))
	}
}

// copyProgram puts a program into the root.
func copyProgram(t *testing.T, from, to string) {
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o755))
	must(t, os.Chmod(to, 0o755))
}

// hasTools says what the root lacks.
func hasTools(root string) error {
	for _, tool := range []string{"curl", "wget"} {
		if _, err := os.Stat(filepath.Join(root, "usr/bin", tool)); err != nil {
			return fmt.Errorf("no /usr/bin/%s here", tool)
		}
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
