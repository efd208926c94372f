package origins

import _ "embed"

// Help is the help topic about what is fetched from origins, as Markdown.
//
//go:embed origins.md
var Help string
