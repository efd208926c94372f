package front

import (
	"bytes"

	"fromcache/httpd/answer"
)

// MaxHead is the most bytes that the head of a plain request has, with its last line's end.
const MaxHead = 4 << 10

// Request is a plain request. Its slices are of the bytes that were parsed.
type Request struct {
	Head         bool   // HEAD, else GET
	Target       []byte // as sent: begins with a slash, is visible ASCII without "#", its path without "%"
	Agent        []byte // User-Agent; nil where none was sent
	OnlyIfCached bool   // Cache-Control: only-if-cached (RFC 9111, 5.2.1.7)

	Conn   *answer.Conn // that it came on
	Client string       // its address without the port
	Room   []byte       // for the answer's header: empty, with room
	clock  *clock

	old  bool // HTTP/1.0
	keep bool // the client wants the connection to stay open, in the terms of its version
}

// Kind is what the bytes are that a client has sent.
type Kind uint8

// The kinds.
const (
	Part  Kind = iota // of a head that may become plain
	Plain             // they begin with the whole head of a plain request
	Other             // they are for net/http
)

// Parse reads into a zero Request the head at the beginning of b, by RFC 9112, and returns its length
// where it is plain. It is that if it is
//
//   - a GET or HEAD in HTTP/1.1 or 1.0, of a path that is not escaped, without an authority,
//   - all in lines that end in CRLF, without a control character or a byte beyond ASCII,
//   - with one Host, of letters, digits and the marks of ports and of IPv6,
//   - and otherwise with fields of fieldNames alone, each at most once.
//
// Such a request has no body. Parse says Part only as long as net/http, too, would wait for more
// bytes before it answers.
func (r *Request) Parse(b []byte) (n int, kind Kind) {
	line, n, kind := cutLine(b, 0)
	if kind == Part && !mayBegin(b) || kind == Plain && !r.parseFirst(line) {
		kind = Other
	}
	for seen := uint(0); kind == Plain; {
		line, n, kind = cutLine(b, n)
		switch {
		case kind != Plain:
		case len(line) > 0 && r.parseField(line, &seen):
		case len(line) == 0 && seen&hostSeen != 0:
			return n, Plain
		default:
			kind = Other
		}
	}
	return 0, kind
}

// cutLine returns the line that begins at from, without its CRLF, and where the next one begins. A
// head that is longer than MaxHead is Other.
func cutLine(b []byte, from int) (line []byte, next int, kind Kind) {
	i := bytes.IndexByte(b[from:], '\n')
	switch {
	case i < 0 && len(b) >= MaxHead, i == 0, i >= 0 && from+i >= MaxHead:
		return nil, 0, Other
	case i < 0:
		return nil, 0, Part
	}
	line = b[from : from+i]
	if line[i-1] != '\r' {
		return nil, 0, Other
	}
	line = line[:i-1]
	for _, c := range line {
		if c < 0x20 || c > 0x7e {
			return nil, 0, Other
		}
	}
	return line, from + i + 1, Plain
}

var firstLines = [...]string{"GET /", "HEAD /"}

// mayBegin reports whether a first line that has no end yet may be that of a plain request.
func mayBegin(b []byte) bool {
	for _, s := range firstLines {
		n := min(len(s), len(b))
		if string(b[:n]) == s[:n] {
			return true
		}
	}
	return false
}

// parseFirst reads the request line (RFC 9112, 3).
func (r *Request) parseFirst(line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	switch string(method) {
	case "GET":
	case "HEAD":
		r.Head = true
	default:
		return false
	}
	switch string(version) {
	case "HTTP/1.1":
		r.keep = true
	case "HTTP/1.0":
		r.old = true
	default:
		return false
	}
	r.Target = target
	path, _, _ := bytes.Cut(target, []byte("?"))
	return len(path) > 0 && path[0] == '/' && bytes.IndexByte(path, '%') < 0 && bytes.IndexByte(target, '#') < 0
}

// The fields that a plain request may have. What Accept and its like say changes no answer of the
// read path.
const (
	fieldHost = iota
	fieldAgent
	fieldCacheControl
	fieldConnection
	fieldAccept // this and those behind it are not looked at
)

var fieldNames = [...]string{
	fieldHost: "host", fieldAgent: "user-agent", fieldCacheControl: "cache-control", fieldConnection: "connection",
	fieldAccept: "accept", 5: "accept-encoding", 6: "accept-language", 7: "pragma",
}

const hostSeen = 1 << fieldHost

// parseField reads a field line (RFC 9112, 5). The bits of seen are the fields that came before.
func (r *Request) parseField(line []byte, seen *uint) bool {
	name, value, ok := bytes.Cut(line, []byte(":"))
	field := fieldOf(name)
	if !ok || field < 0 || *seen&(1<<field) != 0 {
		return false
	}
	*seen |= 1 << field
	value = bytes.Trim(value, " ")
	switch field {
	case fieldHost:
		return isHost(value)
	case fieldAgent:
		r.Agent = value
	case fieldCacheControl:
		r.OnlyIfCached = says(value, "only-if-cached")
	case fieldConnection:
		switch {
		case bytes.EqualFold(value, []byte("keep-alive")):
			r.keep = true
		case bytes.EqualFold(value, []byte("close")):
			r.keep = false
		default:
			return false
		}
	}
	return true
}

// fieldOf returns the number of a field, -1 where it is none of fieldNames.
func fieldOf(name []byte) int {
	for i, known := range fieldNames {
		if len(name) == len(known) && bytes.EqualFold(name, []byte(known)) {
			return i
		}
	}
	return -1
}

// isHost reports whether a Host is of bytes that a name, an address and a port have.
func isHost(value []byte) bool {
	for _, c := range value {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && bytes.IndexByte([]byte("-._:[]"), c) < 0 {
			return false
		}
	}
	return len(value) > 0
}

// says reports whether a list of directives has this one.
func says(list []byte, directive string) bool {
	for one := range bytes.SplitSeq(list, []byte(",")) {
		if bytes.EqualFold(bytes.Trim(one, " "), []byte(directive)) {
			return true
		}
	}
	return false
}
