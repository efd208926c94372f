package origins

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

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

const (
	maxOrigin = 64 << 10 // bytes of a file, more than an origin accepts as header
	maxBundle = 1 << 20  // of certificates
)

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
		if !isHost(name) { //guard:TestOriginsModes
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
	if info.Mode().Perm()&0o022 != 0 { //guard:TestOriginsDirectory
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
