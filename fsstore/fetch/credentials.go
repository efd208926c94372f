package fetch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"fromcache/fsstore/key"
)

// credentials are files <host>, each with the header lines for that host:
//
//	# comment
//	# allow http
//	Authorization: Bearer abc
//
// The name is the host in lower case without port, an IPv6 address without brackets. The lines are sent to that host alone,
// over https unless the file says `# allow http`, and only while a chain of redirects has never left the host of the URL
// that was approved, nor its port: otherwise whoever redirects could have a file of that host put under another name.
// (From the usual port of http to that of https is no other port.)
//
// They are read for each request, so that they can be changed while the server runs. A file must not be readable or
// writable by others, nor writable by its group; the directory not writable by either. Names that begin with a dot or end
// with "~", and directories, are passed over. No error holds a line of a file.
type credentials struct{ dir fs.FS }

// maxCredentials bounds the size of one file: more than an origin takes.
const maxCredentials = 64 << 10

// ours are the fields that the pool itself sets, and those that belong to the connection.
var ours = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true, "Host": true, "If-Match": true,
	"If-Modified-Since": true, "If-None-Match": true, "If-Range": true, "If-Unmodified-Since": true, "Keep-Alive": true,
	"Proxy-Authorization": true, "Proxy-Connection": true, "Range": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// unsafeCredentials says that a file of the credentials can't be used as it is.
type unsafeCredentials struct{ file, why, do string }

func (e *unsafeCredentials) Error() string {
	return fmt.Sprintf("credentials: %s %s: %s", e.file, e.why, e.do)
}

// check reads every file, and returns what is wrong with the first that can't be used.
func (c credentials) check() error {
	if c.dir == nil {
		return nil
	}
	list, err := fs.ReadDir(c.dir, ".")
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	for _, e := range list {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		if info, err := fs.Stat(c.dir, name); err == nil && info.IsDir() {
			continue
		}
		if !isHost(name) {
			return &unsafeCredentials{name, "is not the name of a host", "call it as the URL does, in lower case and without port, or move it elsewhere"}
		}
		if _, err := c.header(name, true); err != nil {
			return err
		}
	}
	return c.checkDir()
}

// checkDir: who may write to the directory may put a file of his own in place of another.
func (c credentials) checkDir() error {
	info, err := fs.Stat(c.dir, ".")
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return &unsafeCredentials{"the directory", fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm()), "chmod go-w it"}
	}
	return nil
}

// isHost reports whether name is what a URL's Host returns.
func isHost(name string) bool {
	authority := name
	if strings.Contains(name, ":") {
		authority = "[" + name + "]"
	}
	u, err := key.Parse("https://"+authority+"/", key.Keep)
	return err == nil && u.Host() == name
}

// header returns the lines for a host, none where there is no file.
func (c credentials) header(host string, https bool) (http.Header, error) {
	if c.dir == nil || !fs.ValidPath(host) {
		return nil, nil
	}
	f, err := c.dir.Open(host)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(host, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unusable(host, err)
	}
	if err := checkMode(host, info); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
	if err != nil {
		return nil, unusable(host, err)
	}
	if len(b) > maxCredentials {
		return nil, &unsafeCredentials{host, "is larger than 64 KiB", "keep only header lines in it"}
	}
	h, plain, err := parseCredentials(host, string(b))
	if err != nil || !https && !plain {
		return nil, err
	}
	return h, nil
}

func unusable(file string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &unsafeCredentials{file, "can't be read (" + err.Error() + ")", "give it to the user that the server runs as, mode 0600"}
}

func checkMode(file string, info fs.FileInfo) error {
	perm := info.Mode().Perm()
	switch {
	case !info.Mode().IsRegular():
		return &unsafeCredentials{file, "is no regular file", "remove it"}
	case perm&0o007 != 0:
		return &unsafeCredentials{file, fmt.Sprintf("can be read or written by others (mode %04o)", perm), "chmod 600 " + file}
	case perm&0o020 != 0:
		return &unsafeCredentials{file, fmt.Sprintf("can be written by its group (mode %04o)", perm), "chmod 600 " + file}
	}
	return nil
}

// parseCredentials reads the lines of a file, and whether they may be sent over http.
func parseCredentials(file, text string) (h http.Header, plain bool, err error) {
	h = http.Header{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			plain = plain || strings.EqualFold(strings.TrimSpace(comment), "allow http")
			continue
		}
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !isToken(name) || !isFieldValue(value) {
			return nil, false, &unsafeCredentials{file, fmt.Sprintf("line %d is no header line", i+1), "write it as `Name: value`"}
		}
		name = http.CanonicalHeaderKey(name)
		if ours[name] {
			return nil, false, &unsafeCredentials{file, fmt.Sprintf("line %d sets %s", i+1, name), "take it out: the server sets that field itself"}
		}
		h.Add(name, value)
	}
	return h, plain, nil
}

// isToken reports whether s can be the name of a field (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s can be the value of a field (RFC 9110, 5.5). It is not empty.
func isFieldValue(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return s != ""
}
