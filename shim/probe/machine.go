package probe

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"syscall"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/realtool"
)

// Input returns what a call is decided by on this machine, without waiting for anything; path is
// the real tool's, and tls is for https caches.
func Input(tool call.Tool, args []string, env call.Env, path string, tls TLS) plan.Input {
	name := tool.String()
	if tool == call.Wget { // the one name by which systems have other programs
		name = realtool.FileName(path)
	}
	return plan.Input{
		Tool: tool, Args: args, Env: env, UID: os.Geteuid(), Path: path, Real: name,
		Read: ReadFile, Size: fileSize, Ask: New(tool, env, path, tls).Ask,
	}
}

// maxConfig is the size beyond which a configuration file is not read but taken as a reason to step
// aside.
const maxConfig = 1 << 20

// ReadFile reads a regular file of at most a mebibyte. An absent or unreadable file gives its
// error; a directory counts as absent, and anything else gives call.ErrNotPlain. It makes the
// system calls itself, because an os.File starts Go's network poller, which many calls do without.
func ReadFile(path string) ([]byte, error) {
	var info syscall.Stat_t
	err := uninterrupted(func() error { return syscall.Stat(path, &info) })
	if err != nil {
		return nil, err
	}
	switch kind := uint32(info.Mode) & syscall.S_IFMT; {
	case kind == syscall.S_IFDIR:
		return nil, fs.ErrNotExist
	case kind != syscall.S_IFREG || info.Size > maxConfig:
		return nil, call.ErrNotPlain
	}
	fd := -1
	err = uninterrupted(func() (err error) {
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	var all bytes.Buffer
	all.Grow(int(info.Size) + bytes.MinRead) // so that it need not grow
	_, err = all.ReadFrom(io.LimitReader(descriptor(fd), maxConfig))
	return all.Bytes(), err
}

// descriptor reads from a file.
type descriptor int

func (d descriptor) Read(b []byte) (n int, err error) {
	err = uninterrupted(func() error { n, err = syscall.Read(int(d), b); return err })
	if n = max(n, 0); n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// uninterrupted makes a system call again that a signal interrupted, as it may on some file systems.
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// fileSize returns the size of what path leads to.
func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
