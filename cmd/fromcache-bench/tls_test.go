package bench

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// trusting takes any certificate, for both servers have one of ours.
var trusting = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // on loopback

// BenchmarkTLS compares both over TLS. The kernel encrypts for neither.
func BenchmarkTLS(b *testing.B) {
	const size = 256 << 20
	cert, key := keyPair(b)
	data, artifacts := dataDir(b, 1, size)
	c := &contest{
		ours: &side{server: serveBy(b, *binary, data, "--tls-cert", cert, "--tls-key", key)},
		theirs: &side{server: startNginxWith(b, data, fmt.Sprintf(" ssl; ssl_protocols TLSv1.3; "+
			"ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_session_cache shared:SSL:1m; ssl_certificate %s; ssl_certificate_key %s", cert, key))},
	}
	c.ours.tls, c.theirs.tls = true, true
	c.holding(b, artifacts)
	c.play(b, "tls head", "nginx", target{hold: 0.5, aim: 1}, heads(b, "-k"))
	c.play(b, "tls connect", "nginx", target{hold: 0.5, aim: 1}, func(s *side) load { return s.ab(b, choose(2000, 800), s.asked[0]) })
	c.gibs(b, size, 1)
}

// keyPair makes the files of a certificate for this machine.
func keyPair(b *testing.B) (cert, key string) {
	b.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	self := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed, err := x509.CreateCertificate(rand.Reader, self, self, private.Public(), private)
	must(b, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(b, err)
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(b.TempDir(), name)
		must(b, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return file
	}
	return write("cert.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", secret)
}

// drainTLS is drain over TLS, whose bytes this process has to decrypt.
func (s *server) drainTLS(b *testing.B, path string, size int64, times int) load {
	b.Helper()
	conn, err := tls.Dial("tcp", s.addr, trusting)
	must(b, err)
	defer conn.Close()
	began, in := time.Now(), bufio.NewReaderSize(conn, 64<<10)
	for range times {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.addr)
		resp, err := http.ReadResponse(in, nil)
		must(b, err)
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatalf("%s: %d bytes of %d, %v", path, n, size, err)
		}
	}
	return load{n: 1, took: time.Since(began)}
}
