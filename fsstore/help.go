package fsstore

import (
	_ "embed"
)

// Help topics about what this package promises, as Markdown for fromcache help.
var (
	//go:embed backup.md
	BackupHelp string
	//go:embed faults.md
	FaultsHelp string
	//go:embed jobs.md
	JobsHelp string
	//go:embed limits.md
	LimitsHelp string
)
