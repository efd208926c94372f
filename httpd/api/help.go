package api

import _ "embed"

// Help is the help topic about the API, as Markdown.
//
//go:embed api.md
var Help string
