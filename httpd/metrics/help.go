package metrics

import _ "embed"

// Help is the help topic about metrics, alerts and the log of requests, as Markdown.
//
//go:embed metrics.md
var Help string
