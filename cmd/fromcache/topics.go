package main

import (
	_ "embed"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/deploy"
	"fromcache/deploy/edge"
	"fromcache/fsstore"
	"fromcache/fsstore/fetch/origins"
	"fromcache/fsstore/fetch/upstream"
	"fromcache/fsstore/hooks"
	"fromcache/fsstore/key"
	"fromcache/httpd"
	"fromcache/httpd/api"
	"fromcache/httpd/metrics"
	"fromcache/httpd/pages"
	"fromcache/httpd/read"
	"fromcache/shim"
)

// topic is one text of fromcache help, and one manual page of section 7. Its text is Markdown: a
// heading of the first level that says what it is about, then the text.
type topic struct{ name, text string }

//go:embed environment.md
var environmentHelp string

//go:embed scale.md
var scaleHelp string

// topics are written beside the code that keeps what they promise.
var topics = []topic{
	{"allowed", fsstore.AllowedHelp},
	{"api", api.Help},
	{"backup", fsstore.BackupHelp},
	{"clients", read.Help},
	{"deploy", deploy.Help},
	{"edge", edge.Help},
	{"environment", environmentHelp},
	{"faults", fsstore.FaultsHelp},
	{"hooks", hooks.Help},
	{"https", shim.HTTPSHelp},
	{"jobs", fsstore.JobsHelp},
	{"limits", fsstore.LimitsHelp},
	{"metrics", metrics.Help},
	{"origins", origins.Help},
	{"pages", pages.Help},
	{"proxy", httpd.ProxyHelp},
	{"query", key.QueryHelp},
	{"scale", scaleHelp},
	{"security", httpd.SecurityHelp},
	{"shim", shim.Help},
	{"transfer", fsstore.TransferHelp},
	{"upstream", upstream.Help},
	{"wait", shim.WaitHelp},
}

// split returns the heading and what follows it.
func (t topic) split() (heading, text string) {
	heading, text, _ = strings.Cut(t.text, "\n")
	return strings.TrimPrefix(heading, "# "), text
}

// topicCommands are commands that can't be run: cobra shows their text alone.
func topicCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, t := range topics {
		short, _ := t.split()
		commands = append(commands, &cobra.Command{Use: t.name, Short: short, Long: strings.TrimSpace(t.text)})
	}
	return commands
}
