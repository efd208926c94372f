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
// Several URLs are asked about at once under one deadline. Of several caches one is asked first,
// drawn by machine and URL, and the next fifty milliseconds later, or at once where that one can't
// be had or does not hold the URL. All but one are asked without being told to note a miss. The
// cache's name is looked up in DNS and /etc/hosts, not by the C library.
//
// Where the answer has Cache-Status: fromcache, the address of that very version is asked for, too,
// and the URL is re-pointed to it if it gives the same answer. A call that goes on with a file is
// compared with what is held: its first and last 64 KiB are fetched.
//
// All requests of a call to a cache go over one connection, one after the other, and over another
// one where an answer does not come at once, or where the server ends the connection, or sends what
// was not asked for. None is kept once all questions have their answer.
//
// The single question of a call to an http cache with one known address is asked without goroutines
// and without Go's network poller, because starting these takes longer than the answer (bare.go).
// What is not answered within twenty milliseconds is waited for by them, over the same connection.
//
// # Caches that do not answer
//
// A cache that refuses connections, has no address or route, or is none, is down, and not asked for
// thirty seconds. One that does not answer in time may have a crowd before it: within the time for
// the connection three are begun, and within the time for the answer it is asked three times. A 503
// with Retry-After is asked again if its time comes before the end. After three time-outs in a row,
// of one call or of several, a cache is not asked for two seconds, which double with each further
// one up to thirty; the first call after such a time waits for a quarter of the connection's time
// only. So a script loses half a second to a cache that is gone, and not half a second in each
// call.
//
// What is to be remembered of a cache is its stamp: a file in $XDG_RUNTIME_DIR, or in a directory
// of the user's own under the temp directory. It says why in words and how often the time was over,
// and goes when the cache answers. Removing it is allowed at any time.
package probe
