package fetch

import _ "embed"

// OriginsHelp is the help topic about what is fetched from origins, as Markdown.
//
//go:embed origins.md
var OriginsHelp string
