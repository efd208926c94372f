package main

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fromcache/httpd"
	"fromcache/httpd/nginxtest"
)

// nginxCmd starts an nginx that runs until the last script has ended.
func nginxCmd(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: nginx NAME URL")
		}
		location := nginxtest.Lines(t, httpd.ProxyHelp, "location /fromcache/")
		addr, _ := nginxtest.Start(t, strings.TrimPrefix(args[1], "http://"), "server { listen LISTEN; "+location+" }")
		ts.Setenv(args[0], "http://"+addr+"/fromcache")
	}
}
