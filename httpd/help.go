package httpd

import _ "embed"

// SecurityHelp is the help topic about who may do what, as Markdown.
//
//go:embed security.md
var SecurityHelp string

// ProxyHelp is the help topic about reverse proxies before the server, as Markdown.
//
//go:embed proxy.md
var ProxyHelp string
