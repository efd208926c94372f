package pages

import _ "embed"

// Help is the help topic about the operator's pages, as Markdown.
//
//go:embed pages.md
var Help string
