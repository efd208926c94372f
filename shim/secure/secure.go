// Package secure begins TLS with https caches whose certificate is of a private CA. It is a room of
// its own because crypto/tls makes a program larger and its start slower: of the two builds of the
// shim only fromcache-shim-tls has it.
package secure

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"

	"fromcache/shim/probe"
)

// TLS reads certificates in PEM, and returns what begins TLS with a server for which one of them
// vouches, and how many there are. It refuses a file in which anything is wrong, because curl and
// wget end with an error, or trust nobody, where one certificate of several can't be read.
func TLS(ca []byte) (probe.Handshake, int, error) {
	pool, n, err := parse(ca)
	if err != nil {
		return nil, 0, err
	}
	return func(conn net.Conn, host string) (net.Conn, bool, error) {
		return handshake(conn, host, pool)
	}, n, nil
}

// parse reads certificates; text between them is ignored, as the tools do.
func parse(ca []byte) (pool *x509.CertPool, n int, err error) {
	pool = x509.NewCertPool()
	for rest := ca; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		part := "part " + strconv.Itoa(n+1) + " of it "
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, 0, errors.New(part + "is no certificate")
		}
		if len(block.Headers) > 0 { //guard:shim.TestCAFileFaults
			return nil, 0, errors.New(part + "has a header between BEGIN and the certificate")
		}
		pool.AddCert(cert)
	}
	switch {
	case len(bytes.TrimSpace(ca)) == 0:
		err = errors.New("it is empty")
	case n == 0:
		err = errors.New("it has no certificate in PEM")
	case n != bytes.Count(ca, []byte("-----BEGIN ")):
		err = errors.New("a certificate in it is cut short or damaged")
	case brokenLines(ca):
		err = errors.New("a certificate in it has an empty line, or a line end of \\r alone")
	}
	return pool, n, err
}

// brokenLines reports whether there is a blank line, or a CR that ends no line, between a BEGIN and
// its END: OpenSSL takes what is above a blank line for headers (RFC 1421, 4.4), encoding/pem does
// not.
func brokenLines(ca []byte) bool {
	inside := false
	for line := range bytes.Lines(ca) {
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("-----BEGIN ")):
			inside = true
		case bytes.HasPrefix(line, []byte("-----END ")):
			inside = false
		case inside && (len(line) == 0 || bytes.IndexByte(line, '\r') >= 0): //guard:shim.TestCAFileFaults
			return true
		}
	}
	return false
}

// handshake begins TLS with a server whose certificate one of the pool's must vouch for, before the
// connection's deadline; the error says in words why there is none. It offers TLS 1.2 alone,
// because the tool that connects next may speak nothing newer. It is sure that the tool will take
// the certificate where every chain that vouches for it is strong.
func handshake(
	conn net.Conn, host string, pool *x509.CertPool,
) (c net.Conn, sure bool, err error) {
	t := tls.Client(conn, &tls.Config{
		RootCAs:          pool,
		ServerName:       host,
		MaxVersion:       tls.VersionTLS12,
		VerifyConnection: checkForTools, //guard:shim.TestCAFileFaults
	})
	if err := t.Handshake(); err != nil {
		return nil, false, inWords(err)
	}
	return t, !slices.ContainsFunc(t.ConnectionState().VerifiedChains, weak), nil
}

// weak reports whether a chain has a key that the policy of a machine may refuse, because it has
// less than 128 bits of security (OpenSSL's SECLEVEL=3, FUTURE of crypto-policies(7), NIST SP
// 800-57 part 1, table 2), or because it is none of RSA and ECDSA.
func weak(chain []*x509.Certificate) bool {
	return slices.ContainsFunc(chain, func(cert *x509.Certificate) bool {
		switch key := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			return key.N.BitLen() < 3072
		case *ecdsa.PublicKey:
			return key.Curve.Params().BitSize < 256
		}
		return true
	})
}

// checkForTools refuses a certificate that Go takes and one of the tools may not: OpenSSL as Debian
// and Fedora set it wants RSA keys of 2048 bits, curl up to 7.67 a chain that ends in a certificate
// that signed itself, and GnuTLS a key usage that allows signatures.
func checkForTools(s tls.ConnectionState) error {
	why := error(nil)
	for _, chain := range s.VerifiedChains {
		if why = chainReason(chain); why == nil {
			return nil
		}
	}
	return why
}

// unfit is a reason why a tool may refuse a certificate.
type unfit string

func (u unfit) Error() string { return string(u) }

// chainReason says why a tool may refuse a chain of certificates, the cache's first.
func chainReason(chain []*x509.Certificate) error {
	root := chain[len(chain)-1]
	if !bytes.Equal(root.RawSubject, root.RawIssuer) {
		return unfit("FROMCACHE_CA_FILE lacks the root, the certificate that signed itself")
	}
	if u := chain[0].KeyUsage; u != 0 && u&x509.KeyUsageDigitalSignature == 0 {
		return unfit("the cache's certificate has a key usage without digitalSignature")
	}
	for _, cert := range chain {
		switch key := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < 2048 {
				return unfit("a certificate has an RSA key of less than 2048 bits")
			}
		case *ecdsa.PublicKey:
			if key.Curve.Params().BitSize < 256 {
				return unfit("a certificate has an elliptic key of less than 256 bits")
			}
		}
	}
	return nil
}

// inWords returns why there is no TLS with a cache, in the words of its users.
func inWords(err error) error {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		plain   tls.RecordHeaderError
		weak    unfit
		remote  *net.OpError
	)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.As(err, &name):
		return errors.New("the cache's certificate is for another host name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("a certificate has expired, or is not valid yet")
	case errors.As(err, &unknown):
		return errors.New("no certificate in FROMCACHE_CA_FILE signed the cache's")
	case errors.As(err, &weak):
		return weak
	case errors.As(err, &plain):
		return errors.New("the cache does not speak TLS")
	case errors.As(err, &remote) && remote.Op == "remote error":
		return probe.ErrRefused
	}
	return errors.New("the TLS handshake with the cache failed")
}
