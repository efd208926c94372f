package read

import _ "embed"

// Help is the help topic about reading from the cache without a shim, as Markdown.
//
//go:embed clients.md
var Help string
