package fsstore

import (
	_ "embed"

	"fromcache/fsstore/allowed"
	"fromcache/fsstore/transfer"
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

// AllowedHelp is the help topic of allowed/.
var AllowedHelp = allowed.Help

// TransferHelp is the help topic of import and export.
var TransferHelp = transfer.Help
