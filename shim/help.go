package shim

import _ "embed"

// Help is the help topic about the shim, as Markdown: fromcache help shim prints it.
//
//go:embed help.md
var Help string

// HTTPSHelp is the help topic about https caches: fromcache help https.
//
//go:embed https.md
var HTTPSHelp string

// WaitHelp is the help topic about caches that are slow, busy or gone: fromcache help wait.
//
//go:embed wait.md
var WaitHelp string
