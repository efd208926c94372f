// Command fromcache-shim-tls is the build of fromcache-shim that speaks TLS; see package shim.
package main

import (
	"os"

	"fromcache/shim"
	"fromcache/shim/secure"
)

func main() {
	os.Exit(shim.Main(os.Args, os.Environ(), secure.TLS))
}
