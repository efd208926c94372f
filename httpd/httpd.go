// Package httpd is the cache-host's HTTP server. It puts parts that know
// nothing of each other behind one port:
//
//	httpd/read      the open read path that clients and shims use
//	httpd/pages     the operator's pages and forms, behind a sign-in
//	httpd/metrics   numbers for Prometheus
//
// What both are made of is in httpd/answer, and who may use the pages is in
// httpd/access. This package has the table of
// addresses, what protects a listening socket, and the drain at the end.
//
// No package below httpd opens a file or joins a path: the store does.
package httpd
