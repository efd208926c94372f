package shim

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxHeader bounds what is read of an answer.
const maxHeader = 64 << 10

// probeHTTP sends one HEAD (RFC 9110, HTTP/1.1) over a connection of its own. No credentials and no cookies go with it.
func (p *prober) probeHTTP(q Question, c Cache, deadline time.Time) reply {
	conn, err := p.dial(q, c, deadline)
	if err != nil {
		return dialError(q.Family, deadline)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, p.head(c, strings.TrimPrefix(q.URL(c), c.t.scheme+"://"+c.t.authority()))); err != nil {
		return heard(readError(err), 0)
	}
	in := &counter{in: conn}
	rep := readReply(in)
	return heard(rep, in.n)
}

// heard notes whether a cache that took the connection sent anything of n bytes, or ended the connection, in time.
func heard(r reply, n int) reply {
	r.silent = r.silent && n == 0
	r.heard = !r.silent
	return r
}

// counter counts what is read.
type counter struct {
	in io.Reader
	n  int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n += n
	return n, err
}

// dialError says why there is no connection. A cache is down if the connection failed, and silent if the time for the whole
// probe was over first; but with -4 or -6 it may just have no such address.
func dialError(family int, deadline time.Time) reply {
	early := time.Now().Before(deadline)
	return reply{down: family == 0 && early, silent: family == 0 && !early, reason: "the cache can't be reached"}
}

// readError tells a cache that hangs from one that broke off. Neither is down by itself: the next URL may be answered.
func readError(err error) reply {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return reply{silent: true, reason: "the cache did not answer in time"}
	}
	return reply{reason: "the cache broke off its answer"}
}

// dial connects to a cache in the address family of the question.
func (p *prober) dial(q Question, c Cache, deadline time.Time) (net.Conn, error) {
	network := "tcp"
	if q.Family != 0 {
		network += strconv.Itoa(q.Family)
	}
	dialBy := time.Now().Add(p.connectTimeout)
	if deadline.Before(dialBy) {
		dialBy = deadline
	}
	ctx, cancel := context.WithDeadline(context.Background(), dialBy)
	defer cancel()
	var d net.Dialer
	return d.DialContext(ctx, network, net.JoinHostPort(strings.Trim(c.t.host, "[]"), portOf(c.t)))
}

// head returns a HEAD for a path. The first word of the User-Agent is what a cache-host notes of the tool.
func (p *prober) head(c Cache, path string) string {
	return "HEAD " + path + " HTTP/1.1\r\n" +
		"Host: " + c.t.authority() + "\r\n" +
		"User-Agent: " + p.tool.String() + "+fromcache-shim\r\n" +
		"Accept: */*\r\n" +
		"Connection: close\r\n\r\n"
}

// readReply reads the header of an answer, skipping interim ones (1xx). A header that is cut short, too long or no HTTP has
// status 0.
func readReply(r io.Reader) reply {
	in := bufio.NewReaderSize(io.LimitReader(r, maxHeader), 4096)
	for {
		status, err := readStatus(in)
		if err != nil {
			return readError(err)
		}
		if status == 0 {
			return reply{reason: "the cache does not speak HTTP"}
		}
		rep, err := readFields(in, status)
		if err != nil {
			return readError(err)
		}
		if status >= 200 {
			return rep
		}
	}
}

// readStatus reads a status line and returns its code, 0 if it is none.
func readStatus(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	version, rest, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if !ok || err != nil || !strings.HasPrefix(version, "HTTP/") || len(code) != 3 || n < 100 {
		return 0, nil
	}
	return n, nil
}

// readFields reads header fields up to the blank line.
func readFields(in *bufio.Reader, status int) (reply, error) {
	rep := reply{status: status}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return rep, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return rep, nil
		}
		rep.field(line)
	}
}

// isDigest reports whether s is a SHA-256 in hexadecimal.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// field notes the header fields that decide.
func (r *reply) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	switch lower(name) {
	case "x-fromcache-sha256":
		if isDigest(value) {
			r.digest = lower(value)
		}
	case "accept-ranges":
		r.ranges = lower(value) == "bytes"
	case "x-fromcache-redirected":
		r.redirected = isOn(value)
	}
}
