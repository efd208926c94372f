package probe

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"fromcache/shim/plan"
)

// maxHeader bounds what is read of an answer.
const maxHeader = 64 << 10

// headHTTP sends one HEAD (RFC 9110, HTTP/1.1), the last one of a call if nothing is to follow. No
// credentials and no cookies go with it.
func (p *Prober) headHTTP(
	q plan.Question, c plan.Cache, url string, last bool, deadline time.Time,
) reply {
	l, rep := p.exchange(q, c, p.request("HEAD", c, url, last, ""), deadline)
	return p.heard(c, l, rep, last)
}

// heard leaves the connection of an answer to HEAD to the next request, or ends it after the last.
func (p *Prober) heard(c plan.Cache, l *line, rep reply, last bool) reply {
	if l == nil {
		return rep
	}
	p.lines.leave(l, rep.keeps && !last)
	if rep.Status == 400 && c.URL.Scheme == "http" && !rep.Pins {
		rep.Reason = perhapsHTTPS(c)
	}
	return rep
}

// exchange sends a request over a connection that is free, or over a new one where there is none,
// or where that one gives no answer: a server may end a connection after any answer (RFC 9112,
// 9.6). It returns the connection, or nil and why there is none.
func (p *Prober) exchange(
	q plan.Question, c plan.Cache, request string, deadline time.Time,
) (*line, reply) {
	l := p.lines.take()
	if l != nil && l.handOver() != nil {
		p.lines.end(l)
		l = nil
	}
	return p.over(l, q, c, request, deadline)
}

// over is exchange with the connection that is free, or nil.
func (p *Prober) over(
	l *line, q plan.Question, c plan.Cache, request string, deadline time.Time,
) (*line, reply) {
	if l != nil {
		rep := l.ask(request, deadline)
		if rep.Status != 0 || time.Until(deadline) <= 0 { //guard:shim.TestOneConnection
			return l, rep
		}
		p.lines.end(l)
	}
	l, why := p.connect(q, c, deadline)
	if l == nil {
		p.lines.end(nil)
		return nil, why
	}
	return l, l.ask(request, deadline)
}

// perhapsHTTPS says what a 400 to plain HTTP may mean, because servers of TLS answer so.
func perhapsHTTPS(c plan.Cache) string {
	return "it answers 400: if it speaks https, write https" + strings.TrimPrefix(c.Base, "http")
}

// part asks for bytes of the version that r is of, from one on to before another.
func (p *Prober) part(
	q plan.Question, c plan.Cache, r reply, from, to int64, deadline time.Time,
) ([]byte, error) {
	if p.byTool(c) {
		return p.partByTool(q, c, r, from, to, deadline)
	}
	ranges := "Range: bytes=" + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(to-1, 10)
	request := p.request("GET", c, c.Address(q.URL, r.Pin), p.lines.alone && from == 0, ranges+"\r\n")
	l, said := p.exchange(q, c, request, deadline)
	switch {
	case said.state == refused:
		return p.partByTool(q, c, r, from, to, deadline)
	case l == nil:
		return nil, errors.New(said.Reason)
	case said.Status != 206 || said.digest != r.digest:
		p.lines.leave(l, false)
		return nil, errOtherVersion
	}
	b, err := l.body(to - from)
	p.lines.leave(l, err == nil && said.keeps && said.size == to-from)
	return b, err
}

// errOtherVersion says that a cache did not give the part that was asked for.
var errOtherVersion = errors.New("not the part of this version")

// readError tells a cache that hangs from one that broke off. Neither is down by itself: the next
// URL may be answered.
func readError(err error) reply {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return failed(silent, "the cache did not answer in time")
	}
	return failed(answered, "the cache broke off its answer")
}

// connect returns a new connection to a cache, over TLS for an https one; nil and why where there is
// none.
func (p *Prober) connect(q plan.Question, c plan.Cache, deadline time.Time) (*line, reply) {
	if c.URL.Scheme == "https" {
		if err := p.anchors().err; err != nil {
			return nil, failed(unsure, plan.EnvCAFile+"="+p.caFile+" can't be used: "+err.Error())
		}
	}
	conn, began, err := p.dial(q, c, deadline)
	if err != nil {
		return nil, dialError(q.Family, began, err)
	}
	if c.URL.Scheme == "https" {
		conn.SetDeadline(deadline)
		return p.secure(conn, c)
	}
	return newLine(conn, conn, false), reply{}
}

// onlyIfCached asks for what is held alone (RFC 9111, 5.2.1.7), by which a cache-host notes no
// miss.
const onlyIfCached = "Cache-Control: only-if-cached"

// request returns a request for a URL of the cache, with more fields, each with its line's end. The
// last one of a call says so (RFC 9112, 9.6). The first word of the User-Agent is what a cache-host
// notes of the tool.
func (p *Prober) request(method string, c plan.Cache, url string, last bool, fields string) string {
	target := strings.TrimPrefix(url, c.URL.Scheme+"://"+c.URL.Authority())
	if p.quiet {
		fields += onlyIfCached + "\r\n"
	}
	if last {
		fields += "Connection: close\r\n"
	}
	return method + " " + target + " HTTP/1.1\r\n" +
		"Host: " + c.URL.Authority() + "\r\n" +
		"User-Agent: " + p.tool.String() + "+fromcache-shim\r\n" +
		"Accept: */*\r\n" + fields + "\r\n"
}

// readReply reads the header of an answer, skipping interim ones (1xx). A header that is cut short,
// too long or no HTTP has status 0.
func readReply(in *bufio.Reader) reply {
	for {
		rep, err := readStatus(in)
		if err != nil {
			return readError(err)
		}
		if rep.Status == 0 {
			return failed(answered, "the cache does not speak HTTP")
		}
		if err := rep.readFields(in); err != nil {
			return readError(err)
		}
		if rep.Status == 503 && rep.RetryAfter >= 0 {
			rep.state, rep.Reason = busy, "the cache is busy"
		}
		if rep.Status >= 200 {
			return rep
		}
	}
}

// readStatus reads a status line; the Status is 0 if it is none.
func readStatus(in *bufio.Reader) (reply, error) {
	rep := reply{state: answered, Reply: plan.Reply{RetryAfter: -1}, size: -1}
	line, err := in.ReadString('\n')
	if err != nil {
		return rep, err
	}
	version, rest, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if ok && err == nil && strings.HasPrefix(version, "HTTP/") && len(code) == 3 && n >= 100 {
		rep.Status, rep.keeps = n, version == "HTTP/1.1"
	}
	return rep, nil
}

// readFields reads header fields up to the blank line.
func (r *reply) readFields(in *bufio.Reader) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return nil
		}
		r.field(line)
	}
}

// maxRetryAfter is the most seconds that a Retry-After field counts for.
const maxRetryAfter = 24 * 60 * 60

// detail returns the value of a member's parameter detail (RFC 9211, 2.8), empty without one.
func detail(parameters string) string {
	for p := range strings.SplitSeq(parameters, ";") {
		if v, ok := strings.CutPrefix(strings.Trim(p, " \t"), "detail="); ok {
			return v
		}
	}
	return ""
}

// isDigest reports whether s is a SHA-256 in hexadecimal.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// field notes the header fields that decide.
func (r *reply) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	switch strings.ToLower(name) {
	case "x-fromcache-sha256":
		if isDigest(value) {
			r.digest = strings.ToLower(value)
		}
	case "cache-status": // RFC 9211: a member for each cache on the way
		for member := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(member, ";")
			if strings.Trim(name, " \t") == "fromcache" {
				r.Pins, r.Detail = true, detail(parameters)
			}
		}
	case "date":
		r.date = value
	case "connection":
		r.keeps = r.keeps && !strings.Contains(strings.ToLower(value), "close")
	case "transfer-encoding": // where the answer ends is not looked for
		r.keeps = false
	case "retry-after": // seconds; a date is left alone, because the clocks may differ
		if n, err := strconv.Atoi(value); err == nil && n >= 0 {
			r.RetryAfter = min(n, maxRetryAfter)
		}
	case "content-length":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
			r.size = n
		}
	case "accept-ranges":
		r.Ranges = strings.ToLower(value) == "bytes"
	case "x-fromcache-redirected":
		r.Redirected = plan.IsOn(value)
	}
}
