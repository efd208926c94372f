package origins

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

// Dir is the directory of --origins: files <host>, each with what requests to that host need:
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
type Dir struct {
	Files fs.FS // nil: none
	Root  fs.FS // for absolute paths of certificates; nil: none
}

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

const (
	maxOrigin = 64 << 10 // bytes of a file, more than an origin accepts as header
	maxBundle = 1 << 20  // of certificates
)

// Reserved are the fields that the pool sets itself, and those of the connection.
var Reserved = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true,
	"Host": true, "If-Match": true, "If-Modified-Since": true, "If-None-Match": true,
	"If-Range": true, "If-Unmodified-Since": true, "Keep-Alive": true,
	"Proxy-Authorization": true, "Proxy-Connection": true, "Range": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// FileError says that a file can't be used as it is.
type FileError struct{ file, why, do string }

func (e *FileError) Error() string {
	return fmt.Sprintf("origins: %s %s: %s", e.file, e.why, e.do)
}

// Check reads every file and returns what is wrong with the first that can't be used.
func (o Dir) Check() error {
	if o.Files == nil {
		return nil
	}
	list, err := fs.ReadDir(o.Files, ".")
	if err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	for _, e := range list {
		name := e.Name()
		if isIgnored(name) {
			continue
		}
		if info, err := fs.Stat(o.Files, name); err == nil && info.IsDir() {
			continue
		}
		if !isHost(name) { //guard:fsstore/fetch.TestOriginsModes
			return &FileError{name, "is not the name of a host", "call it as the URL does, in " +
				"lower case and without port, or move it elsewhere"}
		}
		site, err := o.Of(name)
		if err != nil {
			return err
		}
		if _, err := site.TLS(name, nil); err != nil {
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
func (o Dir) checkDir() error {
	info, err := fs.Stat(o.Files, ".")
	if err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 { //guard:fsstore/fetch.TestOriginsDirectory
		return &FileError{"the directory", fmt.Sprintf("can be written by others (mode %04o)",
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

// Of returns what the file of a host says.
func (o Dir) Of(host string) (Host, error) {
	if o.Files == nil || !fs.ValidPath(host) || isIgnored(host) {
		return Host{}, nil
	}
	b, err := read(o.Files, host, maxOrigin, checkMode)
	if errors.Is(err, fs.ErrNotExist) {
		return Host{}, nil
	}
	if err != nil {
		return Host{}, &FileError{host, withoutName(err), "keep it a file of the user that " +
			"the server runs as, mode 0600, and small"}
	}
	return o.Parse(host, string(b))
}

// read returns the contents of a file of at most limit bytes whose mode check accepts.
func read(in fs.FS, name string, limit int64, check func(fs.FileInfo) error) ([]byte, error) {
	info, err := fs.Stat(in, name)
	// Ask before it is opened, because opening a pipe blocks.
	if err == nil && !info.Mode().IsRegular() { //guard:fsstore/fetch.TestOriginsModes
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
	if int64(len(b)) > limit { //guard:fsstore/fetch.TestOriginsModes
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
	case perm&0o007 != 0: //guard:fsstore/fetch.TestOriginsModes
		return fmt.Errorf("can be read or written by others (mode %04o; chmod 600 it)", perm)
	case perm&0o020 != 0: //guard:fsstore/fetch.TestOriginsModes
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
	if Reserved[name] { //guard:fsstore/fetch.TestOriginsFile
		return errors.New("sets " + name + ", which the server sets itself: take it out")
	}
	site.Header.Add(name, value)
	return nil
}

// Withholds reports whether lines are not sent because they are secret and the hop is http.
func (site Host) Withholds(https bool) bool { return len(site.Lines(https)) < len(site.Header) }

// Lines returns the header lines that may be sent.
func (site Host) Lines(https bool) http.Header {
	if https || site.AllowHTTP { //guard:fsstore/fetch.TestOriginsFile
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
