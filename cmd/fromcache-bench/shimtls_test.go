package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// serveTLS starts another fromcache serve on a data directory, over TLS, and returns its address and
// the file of its CA. The key is of a kind for which the shim need not have the tool ask, too.
func serveTLS(b *testing.B, data string) (server, ca string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fromcache-bench"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	must(b, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(b, err)
	dir := b.TempDir()
	ca, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.pem")
	must(b, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644))
	must(b, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	port := freePort(b)
	start(b, port, *binary, "serve", "--data-dir", data, "--host", "127.0.0.1", "--port", fmt.Sprint(port),
		"--tls-cert", ca, "--tls-key", keyFile, "--min-free", "0", "--log-level", "error")
	return "https://" + addr(port), ca
}
