package key

import _ "embed"

// QueryHelp is the help topic about the query of a URL, as Markdown.
//
//go:embed query.md
var QueryHelp string
