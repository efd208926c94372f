package hooks

import _ "embed"

// Help is the text of fromcache help hooks.
//
//go:embed hooks.md
var Help string
