package transfer

import (
	_ "embed"
)

// Help is the topic transfer of fromcache help, as Markdown.
//
//go:embed transfer.md
var Help string
