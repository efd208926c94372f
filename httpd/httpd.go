// Package httpd is the cache-host's HTTP server: the read path that clients
// and shims use, and the operator's pages.
//
// The read path is open to everyone who can connect. It needs no sign-in, sets
// no cookie, redirects nowhere, and writes nothing but notes of misses and
// hits, which the store bounds:
//
//	GET, HEAD /b/<base64url of the origin URL, no padding>/<name>
//	GET, HEAD /blob?url=<origin URL>
//	GET, HEAD /by-hash/sha256/<hex>
//	GET, HEAD /healthz
//
// A hit is served by sendfile from the file that the store hands out. No
// http.ResponseWriter is wrapped on the way, for that would lose sendfile;
// hits are counted beside it, and write deadlines are moved by the connection
// itself (see conn).
//
// The pages and their forms change the data directory by the store's verbs and
// by nothing else: each is the rename that a shell would do, and httpd knows of
// no worker. They are guarded in this order: the Host where no password is
// set, the origin of the request on all that changes something, the sign-in
// where there is a password, a cap on the form. No byte of a body is read
// before the first three have been judged by the header.
//
// The package opens no file and joins no path. Everything that it shows was
// chosen by strangers: URLs are redacted where they enter a page or a log
// line, and html/template escapes them.
package httpd
