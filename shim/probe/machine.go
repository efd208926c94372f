package probe

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"fromcache/shim/plan"
)

// Input is an Input on this machine; path is the real tool's.
func Input(tool plan.Tool, args []string, env plan.Env, path string) plan.Input {
	p := New(tool, env, path)
	return plan.Input{Tool: tool, Args: args, Env: env, UID: os.Geteuid(), Path: path, Real: realName(tool, path), Read: ReadFile, Size: fileSize, Ask: p.Ask}
}

// realName returns the name of the file that a path leads to. Only wget goes by one name on systems
// where it is another program.
func realName(tool plan.Tool, path string) string {
	if tool == plan.Wget {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
	}
	return filepath.Base(path)
}

// maxConfig is the size beyond which a configuration file is not read but taken as a reason to step
// aside.
const maxConfig = 1 << 20

// ReadFile reads a small regular file. An absent or unreadable file gives its error; one that is
// not to be read gives errOddFile.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fs.ErrNotExist
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, plan.ErrNotPlain
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
