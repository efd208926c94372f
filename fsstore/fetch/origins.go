package fetch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore/key"
)

// origins are the files <host> of --origins, each with what requests to that host need:
//
//	# comment
//	# allow http
//	Authorization: Bearer abc
//	Referer: https://www.vendor.example/
//	cert client.pem
//	key client.key
//	ca lab-ca.pem
//	header-timeout 10m
//	max-connections 2
//	http1
//
// The name is the host in lower case without port, an IPv6 address without brackets. A file counts
// for its host wherever a chain of redirects comes to it, and for no other host. So a redirect
// from any approved URL may use what its lines open.
//
// Header lines are sent over https, and over http if the file has `# allow http`; those that are
// no secret always. cert and key are the client certificate, in one file or two. ca is trusted for
// the host beside the system's CAs. Their paths are relative to this directory, or absolute.
//
// The files are read for each request, so that they can be changed while the server runs. A file
// with header lines or a key must not be accessible to others nor writable by its group;
// certificates and the directory must not be writable by either. Names that begin with a dot or
// end with "~", .pem, .crt, .cer or .key, and directories, are ignored. No error quotes a line of
// a file.
type origins struct {
	dir  fs.FS // nil: none
	root fs.FS // for absolute paths of certificates; nil: none
}

// origin is what a file says; the zero value where a host has none.
type origin struct {
	header        http.Header
	allowHTTP     bool // secrets may be sent over http
	cert, key     []byte
	ca            []byte
	headerTimeout time.Duration // 0: Options.Header
	connections   int           // at once; 0: no limit
	http1         bool
}

// publicFields are the fields that are no secret.
var publicFields = []string{"Accept", "Accept-Language", "Referer", "User-Agent"}

// settings are words that are not taken for the name of a header field. "key" is not among them,
// because some APIs have that as a field.
var settings = []string{"cert", "ca", "header-timeout", "max-connections", "http1"}

const (
	maxOrigin = 64 << 10 // bytes of a file, more than an origin accepts as header
	maxBundle = 1 << 20  // of certificates
)

// ours are the fields that the pool sets itself, and those of the connection.
var ours = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true,
	"Host": true, "If-Match": true, "If-Modified-Since": true, "If-None-Match": true,
	"If-Range": true, "If-Unmodified-Since": true, "Keep-Alive": true,
	"Proxy-Authorization": true, "Proxy-Connection": true, "Range": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// originError says that a file can't be used as it is.
type originError struct{ file, why, do string }

func (e *originError) Error() string {
	return fmt.Sprintf("origins: %s %s: %s", e.file, e.why,
		e.do)
}

// check reads every file and returns what is wrong with the first that can't be used.
func (o origins) check() error {
	if o.dir == nil {
		return nil
	}
	list, err := fs.ReadDir(o.dir, ".")
	if err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	for _, e := range list {
		name := e.Name()
		if isIgnored(name) {
			continue
		}
		if info, err := fs.Stat(o.dir, name); err == nil && info.IsDir() {
			continue
		}
		if !isHost(name) { //guard:TestOriginsModes
			return &originError{name, "is not the name of a host", "call it as the URL does, in " +
				"lower case and without port, or move it elsewhere"}
		}
		site, err := o.of(name)
		if err != nil {
			return err
		}
		if _, err := site.tls(name, nil); err != nil {
			return err
		}
	}
	return o.checkDir()
}

// isIgnored reports whether a name in the directory is no host's file.
func isIgnored(name string) bool {
	switch path.Ext(name) {
	case ".pem", ".crt", ".cer", ".key":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~")
}

// checkDir refuses a directory that others can write, because they could replace a file.
func (o origins) checkDir() error {
	info, err := fs.Stat(o.dir, ".")
	if err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 { //guard:TestOriginsDirectory
		return &originError{"the directory", fmt.Sprintf("can be written by others (mode %04o)",
			info.Mode().Perm()), "chmod go-w it"}
	}
	return nil
}

// isHost reports whether name is spelled as key.URL's Host returns it.
func isHost(name string) bool {
	authority := name
	if strings.Contains(name, ":") {
		authority = "[" + name + "]"
	}
	u, err := key.Parse("https://"+authority+"/", key.Keep)
	return err == nil && u.Host() == name
}

// of returns what the file of a host says.
func (o origins) of(host string) (origin, error) {
	if o.dir == nil || !fs.ValidPath(host) || isIgnored(host) {
		return origin{}, nil
	}
	b, err := read(o.dir, host, maxOrigin, checkMode)
	if errors.Is(err, fs.ErrNotExist) {
		return origin{}, nil
	}
	if err != nil {
		return origin{}, &originError{host, withoutName(err), "keep it a file of the user that " +
			"the server runs as, mode 0600, and small"}
	}
	return o.parse(host, string(b))
}

// read returns the contents of a file of at most limit bytes whose mode check accepts.
func read(in fs.FS, name string, limit int64, check func(fs.FileInfo) error) ([]byte, error) {
	info, err := fs.Stat(in, name)
	// Ask before it is opened, because opening a pipe blocks.
	if err == nil && !info.Mode().IsRegular() { //guard:TestOriginsModes
		err = errors.New("is no regular file")
	}
	if err != nil {
		return nil, err
	}
	f, err := in.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = check(info)
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(b)) > limit { //guard:TestOriginsModes
		return nil, fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return b, err
}

// withoutName returns the text of err without the file's name, because that may be a secret in the
// wrong place.
func withoutName(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return "can't be read (" + pe.Err.Error() + ")"
	}
	return err.Error()
}

// checkMode refuses the mode of a file with secrets.
func checkMode(info fs.FileInfo) error {
	perm := info.Mode().Perm()
	switch {
	case perm&0o007 != 0: //guard:TestOriginsModes
		return fmt.Errorf("can be read or written by others (mode %04o; chmod 600 it)", perm)
	case perm&0o020 != 0: //guard:TestOriginsModes
		return fmt.Errorf("can be written by its group (mode %04o; chmod 600 it)", perm)
	}
	return nil
}

// checkPublic refuses the mode of a file that everyone may read.
func checkPublic(info fs.FileInfo) error {
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("can be written by others (mode %04o; chmod go-w it)", perm)
	}
	return nil
}

// parse reads the lines of a file.
func (o origins) parse(file, text string) (origin, error) {
	site, names := origin{header: http.Header{}}, map[string]string{}
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
				site.allowHTTP = site.allowHTTP || allow
			} else {
				err = site.line(word, value, line)
			}
		}
		if err != nil {
			why, do, _ := strings.Cut(err.Error(), ": ")
			return origin{}, &originError{fmt.Sprintf("%s, line %d,", file, i+1), why, do}
		}
	}
	return o.certificates(file, site, names)
}

// line reads a line that names no file.
func (site *origin) line(word, value, line string) (err error) {
	switch word {
	case "http1":
		if site.http1 = true; value != "" {
			return errors.New("says more than `http1`: take the rest out, or the line")
		}
	case "header-timeout":
		site.headerTimeout, err = time.ParseDuration(value)
		if err != nil || site.headerTimeout <= 0 {
			return errors.New("is no time: write it as `header-timeout 10m`")
		}
	case "max-connections":
		if site.connections, err = strconv.Atoi(value); err != nil || site.connections < 1 {
			return errors.New("is no number: write it as `max-connections 2`")
		}
	default:
		return site.field(line)
	}
	return nil
}

// field reads a header line.
func (site *origin) field(line string) error {
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
	if ours[name] { //guard:TestOriginsFile
		return errors.New("sets " + name + ", which the server sets itself: take it out")
	}
	site.header.Add(name, value)
	return nil
}

// withholds reports whether lines are not sent because they are secret and the hop is http.
func (site origin) withholds(https bool) bool { return len(site.lines(https)) < len(site.header) }

// lines returns the header lines that may be sent.
func (site origin) lines(https bool) http.Header {
	if https || site.allowHTTP { //guard:TestOriginsFile
		return site.header
	}
	h := http.Header{}
	for _, name := range publicFields {
		if v := site.header[name]; v != nil {
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
