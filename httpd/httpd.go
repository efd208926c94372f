// Package httpd is the cache-host's HTTP server. It puts parts that know
// nothing of each other behind one port:
//
//	httpd/front     answers the plainest requests of the read path before net/http sees them
//	httpd/read      the open read path that clients and shims use
//	httpd/pages     the operator's pages and forms, behind a sign-in
//	httpd/api       what the pages show and do, for programs
//	httpd/metrics   numbers for Prometheus
//
// What they share is in httpd/answer, and who may use the pages and the API is
// in httpd/access. The pages are made of httpd/show, the rows that they show,
// and httpd/live, what they hear while they are open; httpd/operate is what the
// API and the verbs do. This package has the table of addresses, who the client
// is behind a proxy (forwarded.go), what protects a listening socket, and the
// drain at the end.
//
// No package below httpd opens a file or joins a path: the store does.
package httpd
