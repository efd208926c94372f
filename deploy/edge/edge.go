// Package edge holds configurations of nginx, Varnish and Squid that keep what a cache-host serves
// beside the clients of another site, and the help topic about them.
package edge

import _ "embed"

// Help is the help topic about edges, as Markdown.
//
//go:embed edge.md
var Help string
