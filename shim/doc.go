// Package shim is the program that stands in for curl and wget on a lab's machines.
//
// A script says curl, and PATH leads it here. The shim reads the arguments as curl would, asks the cache-host whether it holds
// the URL, and becomes the real curl by execve(2): with the URL re-pointed at the cache on a hit, with the arguments untouched
// otherwise. It keeps no state but one stamp, opens no port, and is gone before the first byte of the download.
//
// # The one law
//
// With the shim in the way, a script does what it did without it, or does it faster. Bytes, exit status, standard output, file
// names and file times are those of the real tool at the origin. When in doubt the shim becomes the real tool with the
// arguments untouched, and without asking: a wrong pass-through costs one download, a wrong rewrite breaks a script.
//
// # How a call is judged
//
// Package options holds what the two tools take on their command lines, and parseCurl and parseWget read a line as the tool
// does, abbreviations, clusters and --next included. [Decide] then decides, from arguments, environment, configuration files and
// the cache's answers, and does nothing else; it is the part to read first. Every option has a class. A neutral one leaves a
// call to be asked about; most others (a body, another method, credentials, a header that may count, the header of the answer,
// conditions, another way to the server, how a server must prove itself) let it pass unasked, and one that the table lacks lets
// the whole call pass. TLS 1.2 and older versions are neutral, for the cache-host asks that of an origin by itself; a
// User-Agent is where the URL names a file, for install hosts give a browser a page and curl a script. curlrc, wgetrc and .netrc
// are judged line by line by the same classes, for the tools read them by themselves; where only the C library can say whose they
// are, the call passes.
//
// A URL is never asked about if it carries credentials, has bytes that need quoting, or names this machine, a link-local address,
// a cloud's metadata service or the cache itself. Its last path segment, and for wget and curl -O its query, end the cache's URL as well,
// so that saved files have the same names, in whatever encoding of characters; a percent sign that encodes nothing is encoded there.
//
// # The cache
//
// A probe is HEAD <server>/b/<token>/<name>, the token being the URL in base64url without padding: scheme and host in lower case,
// no default port, no fragment, no literal dot segments. Only 200 with X-Fromcache-Sha256 and 64 hexadecimal digits is a hit: a
// 200 without it comes from another web server, and the cache is as good as down. A call that does not follow redirects hits only
// without X-Fromcache-Redirected. An http cache is asked over a plain socket, an https one by the real tool, which knows whom this
// machine trusts. Several URLs and several caches are asked at once under one deadline. The tool must reach the cache directly:
// where it would use a proxy, the cache's host joins no_proxy, and that is the one change to its environment beside FROMCACHE_TRIED.
//
// Where the answer has Cache-Status: fromcache and <server>/b/<token>.<sha256>/<name> is the same, the URL is re-pointed to that: this
// version or 404. A retry, a wget that goes on after a broken line, and tools that share the file by parts then never mix versions.
//
// A call for a part passes, for a part may be joined to another version's. One that goes on with a file hits only with Accept-Ranges:
// bytes, and where the file is absent or empty, or its first and last 64 KiB are those of the version that is held.
//
// A cache to which no connection could be made, that said nothing to a whole call until its time was over, or that is none, is
// noted by a file that says so, in $XDG_RUNTIME_DIR or in a directory of the user's own under the temp directory, and not asked
// again for thirty seconds. Removing the file is allowed at any time.
//
// # The real tool
//
// It is the first of its name on PATH that is not this binary, or REAL_CURL and REAL_WGET; where PATH has none, as in a sandbox whose
// PATH is a directory of links to the shim, the first in /usr/local/bin:/usr/bin:/bin. Which tool is meant says the name that the shim
// is called by, or else that of a file which a link of another name leads to; so install makes hard links, not symbolic ones. Two copies of the shim, links, wrapper
// scripts and a REAL_CURL that names a shim can't loop: FROMCACHE_TRIED carries what was tried, by device and inode, and a shim
// that finds it set judges nothing but becomes the next file that was not tried. A wrapper that calls curl for URLs of its
// own therefore downloads those from their origin.
//
// # Before Go
//
// The start of a Go program takes more than a millisecond, and does not come about under limits that are enough for curl: it
// reserves address space, and wants threads. So the program begins in C, cmd/fromcache-shim/early, which becomes the real
// tool where no cache is set, where Go could not start, and where standard output or error is closed; it finds the tool by the rules above. It is there on Linux, on
// amd64 and arm64, if a C compiler was at hand for the build. It also hides from Go's runtime what the environment says to it, a wrong
// GOMEMLIMIT for instance, which would end it. Without it all calls begin in Go: nothing else differs.
//
// # Environment
//
//	FROMCACHE_SERVER           the cache-host's address; several, by commas or white space; without a scheme it is http; unset: off
//	CURLFROMCACHE_SERVER       instead of it, for curl alone; "off" turns the shim off. FROMCACHE_CURL_SERVER is the same
//	WGETFROMCACHE_SERVER       instead of it, for wget alone. FROMCACHE_WGET_SERVER is the same
//	FROMCACHE_ONLY             hosts to ask about; all others pass. Patterns as in no_proxy
//	FROMCACHE_SKIP             hosts never to ask about
//	FROMCACHE_CONNECT_TIMEOUT  seconds for a connection to the cache, 0.5
//	FROMCACHE_TIMEOUT          seconds for its answer, 2
//	FROMCACHE_VERBOSE          1: one line on standard error that says hit, miss or pass, and why
//	FROMCACHE_LOOPBACK         1: ask about URLs of this machine, too, for tests
//	REAL_CURL, REAL_WGET       the real tools, as paths or names
//
// With none of the first three set nothing is parsed, read or asked.
//
// # Limits
//
// After the exec nothing can fall back. From the probe to the end of the transfer the cache stands for the origin: if it dies in
// the middle of a download, the tool fails as it does when an origin dies, and its retries go to the cache.
//
// What a tool prints about a transfer on standard error, in a log or a trace, names the cache. Names that only the C library can
// resolve (mDNS, for instance) don't work for the cache's host. Of https caches, only curl and GNU wget ask. Where a cache is set, a
// signal that was ignored on entry is so in the real tool only if it is SIGHUP or SIGINT: the Go runtime's doing before any code of ours
// runs. A standard input that was closed is /dev/null, for the same reason, and
// without what runs before Go so are the other two. A wrapper script that clears its environment and calls itself by
// PATH loops with the shim as it would without it.
package shim
