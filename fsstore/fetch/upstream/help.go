package upstream

import _ "embed"

// Help is the help topic about upstreams, as Markdown.
//
//go:embed upstream.md
var Help string
