package probe

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/plan"
)

// TLS reads the certificates of a private CA, and returns what begins TLS with a server for which
// one of them vouches, and how many there are. It is [fromcache/shim/secure.TLS], or nil in the
// build without it: then the real tool asks every https cache.
type TLS func(ca []byte) (handshake Handshake, n int, err error)

// Handshake begins TLS over a connection, before its deadline, with a server that has a certificate
// for host. It is not sure where a stricter policy of the machine may have the tools refuse the
// certificate. Its error says why in words, save for os.ErrDeadlineExceeded.
type Handshake func(conn net.Conn, host string) (c net.Conn, sure bool, err error)

// ErrRefused says that the server ended the handshake, which the real tool may begin in another
// way.
var ErrRefused = errors.New("the cache refused the TLS handshake")

// anchors are what was made of FROMCACHE_CA_FILE, or why it can't be used.
type anchors struct {
	handshake Handshake
	n         int
	err       error
}

// readCAFile reads the file that FROMCACHE_CA_FILE names. The path is absolute, because a relative
// one would be another file after cd.
func readCAFile(path string, tls TLS) anchors {
	if !filepath.IsAbs(path) {
		return anchors{err: errors.New("it is no absolute path")}
	}
	ca, err := ReadFile(path)
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return anchors{err: err}
	}
	var a anchors
	a.handshake, a.n, a.err = tls(ca)
	return a
}

// CheckCA returns how many certificates the file of FROMCACHE_CA_FILE has, or why no https cache is
// asked with it. It is for the build that has TLS.
func (p *Prober) CheckCA() (n int, err error) {
	a := p.anchors()
	return a.n, a.err
}

// byTool reports whether the real tool asks a cache: one of https, unless the shim knows whom to
// trust.
func (p *Prober) byTool(c plan.Cache) bool {
	return c.URL.Scheme == "https" && (p.caFile == "" || p.tls == nil)
}

// secure begins TLS with an https cache. A failure leaves no stamp unless the time was over,
// because another call may have another FROMCACHE_CA_FILE.
func (p *Prober) secure(conn net.Conn, c plan.Cache) (*line, reply) {
	t, sure, err := p.anchors().handshake(conn, strings.Trim(c.URL.Host, "[]"))
	if err == nil {
		return newLine(t, conn, !sure), reply{}
	}
	conn.Close()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, failed(silent, "the cache did not finish the TLS handshake in time")
	case errors.Is(err, ErrRefused):
		return nil, failed(refused, err.Error())
	}
	return nil, failed(answered, err.Error())
}

// proven reports whether a hit at an https cache that the shim saw is one for the tool, too. A tool
// that is to fetch an http URL may have been built without TLS, and options may ask for a version
// that the cache does not speak, or a policy of the machine may refuse the certificate: then the
// tool itself asks.
func (p *Prober) proven(q plan.Question, c plan.Cache, r reply) bool {
	return c.URL.Scheme == "http" || p.byTool(c) ||
		q.URL.Scheme == "https" && len(q.TLS) == 0 && !r.doubtful //guard:shim.TestCAFilePolicy
}
