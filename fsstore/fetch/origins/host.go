package origins

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Host is what a file says; the zero value where a host has none.
type Host struct {
	Header        http.Header
	AllowHTTP     bool // secrets may be sent over http
	Cert, Key     []byte
	CA            []byte
	HeaderTimeout time.Duration // 0: Options.Header
	Connections   int           // at once; 0: no limit
	HTTP1         bool
}

// publicFields are the fields that are no secret.
var publicFields = []string{"Accept", "Accept-Language", "Referer", "User-Agent"}

// settings are words that are not taken for the name of a header field. "key" is not among them,
// because some APIs have that as a field.
var settings = []string{"cert", "ca", "header-timeout", "max-connections", "http1"}

// Reserved are the fields that the pool sets itself, and those of the connection.
var Reserved = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true,
	"Host": true, "If-Match": true, "If-Modified-Since": true, "If-None-Match": true,
	"If-Range": true, "If-Unmodified-Since": true, "Keep-Alive": true,
	"Proxy-Authorization": true, "Proxy-Connection": true, "Range": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// Parse reads the lines of a file.
func (o Dir) Parse(file, text string) (Host, error) {
	site, names := Host{Header: http.Header{}}, map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		word, value := line, ""
		if n := strings.IndexAny(line, " \t"); n >= 0 {
			word, value = line[:n], strings.TrimSpace(line[n:])
		}
		var err error
		switch word {
		case "":
		case "cert", "key", "ca":
			if names[word] = value; value == "" {
				err = errors.New("names no file: write it as `" + word + " FILE`")
			}
		default:
			if comment, ok := strings.CutPrefix(line, "#"); ok {
				allow := strings.EqualFold(strings.TrimSpace(comment), "allow http")
				site.AllowHTTP = site.AllowHTTP || allow
			} else {
				err = site.line(word, value, line)
			}
		}
		if err != nil {
			why, do, _ := strings.Cut(err.Error(), ": ")
			return Host{}, &FileError{fmt.Sprintf("%s, line %d,", file, i+1), why, do}
		}
	}
	return o.certificates(file, site, names)
}

// line reads a line that names no file.
func (site *Host) line(word, value, line string) (err error) {
	switch word {
	case "http1":
		if site.HTTP1 = true; value != "" {
			return errors.New("says more than `http1`: take the rest out, or the line")
		}
	case "header-timeout":
		site.HeaderTimeout, err = time.ParseDuration(value)
		if err != nil || site.HeaderTimeout <= 0 {
			return errors.New("is no time: write it as `header-timeout 10m`")
		}
	case "max-connections":
		if site.Connections, err = strconv.Atoi(value); err != nil || site.Connections < 1 {
			return errors.New("is no number: write it as `max-connections 2`")
		}
	default:
		return site.field(line)
	}
	return nil
}

// field reads a header line.
func (site *Host) field(line string) error {
	name, value, ok := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	if !ok || !isToken(name) || !isFieldValue(value) {
		return errors.New("means nothing: write a header line, as in `Name: value`, or one of " +
			"cert, key, ca, header-timeout, max-connections and http1")
	}
	name = http.CanonicalHeaderKey(name)
	if slices.Contains(settings, strings.ToLower(name)) {
		return errors.New("would be sent as a header line: write `" + strings.ToLower(name) +
			"` in lower case and without a colon")
	}
	if Reserved[name] { //guard:TestOriginsFile
		return errors.New("sets " + name + ", which the server sets itself: take it out")
	}
	site.Header.Add(name, value)
	return nil
}

// Withholds reports whether lines are not sent because they are secret and the hop is http.
func (site Host) Withholds(https bool) bool { return len(site.Lines(https)) < len(site.Header) }

// Lines returns the header lines that may be sent.
func (site Host) Lines(https bool) http.Header {
	if https || site.AllowHTTP { //guard:TestOriginsFile
		return site.Header
	}
	h := http.Header{}
	for _, name := range publicFields {
		if v := site.Header[name]; v != nil {
			h[name] = v
		}
	}
	return h
}

// isToken reports whether s can be a field's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s can be a field's value (RFC 9110, 5.5).
func isFieldValue(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return s != ""
}
