// Command spawning asks the cache as simple shims do: it runs a second curl for the header, and then becomes $REAL_CURL.
package main

import (
	"encoding/base64"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	path, args := os.Getenv("REAL_CURL"), os.Args[1:]
	last := len(args) - 1
	cached := os.Getenv("FROMCACHE_SERVER") + "/b/" + base64.RawURLEncoding.EncodeToString([]byte(args[last])) + "/x"
	if exec.Command("/usr/bin/curl", "-q", "-fsSI", "--max-time", "2", cached).Run() == nil {
		args[last] = cached
	}
	syscall.Exec(path, append([]string{path}, args...), os.Environ())
	os.Exit(127)
}
