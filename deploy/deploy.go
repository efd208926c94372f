// Package deploy holds what runs fromcache: a systemd unit, a container image, a compose file, and the
// help topic about them; and what watches it: alert rules for Prometheus, a dashboard for Grafana.
package deploy

import _ "embed"

// Help is the help topic about running the server, as Markdown.
//
//go:embed deploy.md
var Help string
