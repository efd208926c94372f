// Package shim is the program that stands in for curl and wget on a lab's machines.
//
// A script says curl, and PATH leads it here. The shim reads the arguments as curl would, asks the
// cache-host whether it holds the URL, and becomes the real curl by execve(2): with the URL
// re-pointed at the cache on a hit, with the arguments untouched otherwise. It keeps no state but
// one stamp, opens no port, and is gone before the first byte of the download. [Help] says to its
// users what is re-pointed, what passes and why.
//
// # The one law
//
// With the shim in the way, a script does what it did without it, or does it faster. Bytes, exit
// status, standard output, file names and file times are those of the real tool at the origin. When
// in doubt the shim becomes the real tool with the arguments untouched, and without asking: a wrong
// pass-through costs one download, a wrong rewrite breaks a script.
//
// # Rooms
//
// Each package imports only those to its left:
//
//	options <- call <- plan <- realtool <- probe <- wait <- setup <- shim
//
// and secure imports probe; only the build fromcache-shim-tls has it, and hands it to Main.
//
// Package options is the tables of what the tools take on their command lines. Package call reads a
// call as the tool does, and lets most of them pass. Package plan decides about the rest, from text
// alone. Package realtool finds the tool that stands behind the shim. Package probe answers what a
// plan asks: of this machine's files, and of the caches. Package wait asks again about what is
// approved and not held yet. Package secure begins TLS with https caches: the plain build becomes
// fromcache-shim-tls where that lies beside it and FROMCACHE_CA_FILE is set; tls.go says why that
// is another program. Package setup is the program under its own name: install, env, status, doctor
// and plan. Package replay has no code but the proof of the law.
//
// # Before Go
//
// The start of a Go program takes more than a millisecond, and fails under limits that are enough
// for curl, because it reserves address space and starts threads. So the program begins in C,
// cmd/fromcache-shim/early, which becomes the real tool where no cache is set, where Go could not
// start, and where standard output or error is closed; it finds the tool as package realtool does.
// It is built for Linux on amd64 and arm64 where there is a C compiler. It also hides the variables
// of Go's runtime from it, because a wrong GOMEMLIMIT for instance would end the program, and has
// it use one processor, which makes a hit cheaper. Without it all calls begin in Go, and nothing
// else differs.
//
// # Limits
//
// After the exec nothing can fall back. From the probe to the end of the transfer the cache stands
// for the origin: if it dies in the middle of a download, the tool fails as it does when an origin
// dies, and its retries go to the cache.
//
// Where a cache is set, a signal that was ignored on entry is so in the real tool only if it is
// SIGHUP or SIGINT, a blocked one only if it is none that Go's runtime wants to get, as SIGTERM, and
// a standard input that was closed is /dev/null, because the runtime sees to that before any code of
// ours runs. A wrapper script that clears its environment and calls itself by PATH loops with the
// shim as it would without it.
package shim
