package probe

import (
	"io"
	"io/fs"
	"os"

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
// error; a directory counts as absent, and anything else gives call.ErrNotPlain.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fs.ErrNotExist
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, call.ErrNotPlain
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfig))
}

// fileSize returns the size of what path leads to.
func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
