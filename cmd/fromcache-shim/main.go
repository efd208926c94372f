// Command fromcache-shim stands in for curl and wget; see package shim.
package main

import (
	"os"

	"fromcache/shim"
)

func main() {
	os.Exit(shim.Main(os.Args, os.Environ(), nil))
}
