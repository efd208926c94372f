// Package plan decides about one call of curl or wget: whether a cache may be asked about its URLs,
// and what the real tool is to be given.
//
// [Decide] is pure. Arguments, environment and the text of configuration files go in; what it must
// know of the machine and of the caches it asks through the functions of an [Input]; a [Decision]
// comes out. Whatever it is not sure about it leaves alone, byte for byte.
//
// Package call reads the command line and the configuration files, and says which options let a
// call pass unasked.
//
// # URLs
//
// A [URL] is never asked about if it carries credentials, has bytes that need quoting, or names
// this machine, a link-local address, a cloud's metadata service or the cache itself. At a cache
// its address is
//
//	<cache>/b/<token>/<name>            what is held
//	<cache>/b/<token>.<sha256>/<name>   that version of it, or 404
//
// where the token is the URL in base64url without padding: scheme and host in lower case, no
// default port, no fragment, no literal dot segments. The last path segment, and for wget and curl
// -O the query, end that address so that saved files have the same names; a percent sign that
// encodes nothing is encoded there.
//
// # What an answer means
//
// [Question.Judge] says it: 200 is a hit, unless the call needs ranges that the origin has not, or
// does not follow a redirect that the origin made, or goes on with a file that is not the beginning
// of what is held; 404 is a miss, and where the cache-host says that it will fetch the URL a
// pending one, which package wait may ask about again; anything else lets the call pass. A hit is
// re-pointed to the version that the probe found, so that retries and parts never mix versions.
//
// # Environment
//
// The constants that begin with Env name the variables.
//
// The tool must reach the cache directly: where it would use a proxy, the cache's host joins
// no_proxy. With FROMCACHE_CA_FILE it must trust the CA of an https cache: curl gets
// CURL_CA_BUNDLE, wget an argument, and only where all URLs of the call are re-pointed. Where a
// call waited, curl's --max-time is what is left of it. Nothing else changes beside FROMCACHE_TRIED
// of package realtool.
package plan
