package shim_test

import (
	"fmt"
	"strings"
	"testing"

	"fromcache/shim/options"
)

// neutralValues are values that an option takes, where 1 is none.
var neutralValues = map[string]string{
	"output-document": "doc", "output": "doc", "output-dir": ".", "output-file": "log", "append-output": "log", "trace": "log", "trace-ascii": "log", "stderr": "log",
	"proto-redir": "=http", "tls-max": "1.3", "create-file-mode": "0644", "no": "v", "progress": "dot", "dot-style": "mega", "regex-type": "posix",
	"secure-protocol": "auto", "prefer-family": "none", "restrict-file-names": "unix", "compression": "none", "report-speed": "bits", "rate": "9/s",
	"referer": "http://r/", "accept": "nothing", "reject": "bin", "accept-regex": "nothing", "reject-regex": "bin", "domains": "x.example",
	"exclude-domains": "127.0.0.1", "include-directories": "/none", "exclude-directories": "/", "ignore-tags": "a", "follow-tags": "a", "level": "1",
	"max-filesize": "100", "local-port": "20000-60000", "ftp-port": "-", "ipfs-gateway": "http://127.0.0.1:1", "quota": "1", "tries": "2", "limit-rate": "1m", "cut-dirs": "1",
	// times that a busy machine does not reach
	"max-time": "50", "connect-timeout": "50", "speed-time": "50", "timeout": "50", "dns-timeout": "50", "read-timeout": "50",
}

// TestNeutralIsNeutral runs each neutral option that the installed tools know, on its own, directly
// and through the shim: with the file named by the URL, and on standard output. An option that the
// installed build refuses must be refused alike.
func TestNeutralIsNeutral(t *testing.T) {
	w := newWorld(t)
	for _, tool := range []string{"curl", "wget"} {
		table := map[string][]options.Option{"curl": options.Curl, "wget": options.Wget}[tool]
		_, release := installed(t, tool, map[string]string{"curl": "curl", "wget": "Wget"}[tool])
		for _, o := range table {
			if o.Class != options.N || !knows(o, release) || strings.Contains(built, " "+o.Name+" ") || o.Name == "background" || o.Name == "ignore-content-length" {
				continue
			}
			for i, form := range neutralForms(tool, o) {
				name := fmt.Sprintf("%s-%s-%d", tool, strings.ReplaceAll(o.Name, ".", "-"), i)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					command := strings.ReplaceAll(form, "{{o}}", w.origin.URL+"/"+name)
					direct := run(t, command, w.env(t.TempDir(), realPath()))
					shim := run(t, command, w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL, "FROMCACHE_VERBOSE=1"))
					for _, r := range []result{direct, shim} {
						delete(r.files, "/log")
					}
					if d := differ(direct, shim); d != "" {
						t.Errorf("%s\n%s%s", command, d, shim.stderr)
					}
				})
			}
		}
	}
}

// neutralForms are commands with an option and its --no- form.
func neutralForms(tool string, o options.Option) []string {
	words := []string{"--" + o.Name}
	if o.Kind == options.Bool {
		words = append(words, "--no-"+o.Name)
	}
	if o.TakesValue() {
		value := neutralValues[o.Name]
		if value == "" {
			value = "1"
		}
		words[0] += map[string]string{"curl": " ", "wget": "="}[tool] + value
	} else if v := neutralValues[o.Name]; v != "" {
		words[0] += "=" + v
	}
	var forms []string
	for _, word := range words {
		if tool == "curl" {
			forms = append(forms, "curl -sS "+word+" {{o}}/dir/a.bin?x=1", "curl -sS -m50 -O "+word+" {{o}}/dir/a.bin?x=1")
		} else {
			forms = append(forms, "wget -q -t1 "+word+" '{{o}}/dir/a.bin?x=1'", "wget -q -t1 -O- "+word+" {{o}}/dir/a.bin")
		}
	}
	return forms
}
