// Package probe answers what a plan asks: it reads this machine's configuration files, and asks
// caches whether they hold URLs.
//
// A probe is HEAD for the URL's address at a cache. Only 200 with X-Fromcache-Sha256 and 64
// hexadecimal digits is a hit, because a 200 without it comes from another web server: that cache
// is as good as down. An http cache is asked over a plain socket. An https one is asked by the real
// tool, which knows whom this machine trusts; of the tools only curl and GNU wget do that. With
// FROMCACHE_CA_FILE the shim knows whom to trust, and the tool is told: then the build with package
// secure asks by itself.
//
// Several URLs and several caches are asked at once under one deadline. The cache's name is looked
// up in DNS and /etc/hosts, not by the C library.
//
// Where the answer has Cache-Status: fromcache, the address of that very version is asked for, too,
// and the URL is re-pointed to it if it gives the same answer. A call that goes on with a file is
// compared with what is held: its first and last 64 KiB are fetched.
//
// A cache to which no connection could be made, that said nothing to a whole call until its time
// was over, or that is none, is noted by a stamp: a file in $XDG_RUNTIME_DIR, or in a directory of
// the user's own under the temp directory, that says why. It is not asked again for thirty seconds.
// Removing the file is allowed at any time.
package probe
