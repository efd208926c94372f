package allowed

import _ "embed"

// Help is the text of fromcache help allowed.
//
//go:embed allowed.md
var Help string
