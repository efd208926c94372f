// Package shim is the program that stands in for curl and wget on a lab's machines.
//
// A script says curl, and PATH leads it here. The shim reads the arguments as curl would, asks the cache-host whether it holds the
// URL, and becomes the real curl by execve(2): with the URL re-pointed at the cache on a hit, with the arguments untouched otherwise.
//
// # The one law
//
// With the shim in the way, a script does what it did without it, or does it faster. Bytes, exit status, standard output, file
// names and file times are those of the real tool at the origin. When in doubt the shim becomes the real tool with the arguments
// untouched, and without asking. A wrong pass-through costs one download; a wrong rewrite breaks a script.
//
// # The limit
//
// After the exec nothing can fall back. From the probe to the end of the transfer the cache stands for the origin: if it dies
// in the middle of a download, the tool fails as it does when an origin dies. --retry and wget's tries then go to the cache.
package shim
