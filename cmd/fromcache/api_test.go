package main

import (
	"regexp"
	"strings"
	"testing"

	"fromcache/httpd/api"
)

// TestAPIHelp runs the commands of the help topic, in one shell.
func TestAPIHelp(t *testing.T) {
	s := newSandbox(t)
	script := "set -eu\nPATH=$PWD/bin:$PATH FROMCACHE_DATA_DIR=$PWD/data\nexport PATH FROMCACHE_DATA_DIR\n"
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(api.Help, -1) {
		script += block[1]
	}
	said := s.bash(strings.ReplaceAll(script, "http://localhost:3000", s.p.url))
	for _, want := range []string{
		`"jobs":\[\]`, `"key":"ftp\.gnu\.org--hello`, `"state":"done"`, ` approve api ci:127\.0\.0\.1`, ` done [0-9]+ `,
		`\{"artifacts":\[\{"key":`, `"url":"https://ftp\.gnu\.org/gnu/hello/hello-2\.12\.tar\.gz","url_sha256"`, `"via":"put","by":"ci:127\.0\.0\.1"`, `"well":true`,
		`held example\.com--notes\.txt--`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("the commands do not print %s:\n%s", want, said)
		}
	}
	s.holds(false, "data/denied/ads.example.com")
	s.holds(true, "data/tokens/ci")
}
