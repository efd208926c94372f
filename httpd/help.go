package httpd

import _ "embed"

// Help topics about what this package promises, as Markdown: fromcache help prints them.
var (
	//go:embed clients.md
	ClientsHelp string
	//go:embed pages.md
	PagesHelp string
	//go:embed security.md
	SecurityHelp string
)
