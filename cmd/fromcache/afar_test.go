package main

import (
	stdbytes "bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// way is one way to run verbs: on a data directory, or through its server.
type way struct {
	*process
	flags []string
}

// said is what a call printed and how it ended.
type said struct {
	stdout, stderr string
	status         int
}

func (w way) run(stdin string, args ...string) said {
	w.t.Helper()
	var out, errs stdbytes.Buffer
	cmd := w.program(append(slices.Clone(w.flags), args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	exit := &exec.ExitError{}
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Where the two ways may differ: who acted and from where, when, which claim, how much is free.
var differs = []struct {
	at *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`(cli|put) [A-Za-z0-9._-]+(:127\.0\.0\.1)?|api ops:127\.0\.0\.1`), "WHO"},
	{regexp.MustCompile(`"via":"put","by":"[^"]*"`), "WHO"},
	{regexp.MustCompile(`claim \S+ \d+ \S+ \S+ \S+|"claim":"[0-9a-f]+"`), "CLAIM"},
	{regexp.MustCompile(`@[0-9a-f]{16}\b|"worker":"[0-9a-f]{16}"`), "WORKER"},
	{regexp.MustCompile(`(?m)^(free|disk) +.*$|"free":\d+`), "FREE"},
	{regexp.MustCompile(`\d+ (s|min) ago|for \d+ (s|min)`), "AGO"},
	{regexp.MustCompile(`(?m)^server +.*$|"server":"[^"]*"`), "SERVER"},
	{regexp.MustCompile(`(?m)^scrub +.*$|"scrub":\{.*\}`), "SCRUB"},
	{regexp.MustCompile(` +`), " "}, // columns are as wide as what they hold
}

// common is what both ways should say. What happened within one second is in no order.
func (s said) common(verb string) said {
	for _, d := range differs {
		s.stdout, s.stderr = d.at.ReplaceAllString(s.stdout, d.by), d.at.ReplaceAllString(s.stderr, d.by)
	}
	if verb == "log" {
		lines := strings.Split(s.stdout, "\n")
		slices.Sort(lines)
		s.stdout = strings.Join(lines, "\n")
	}
	return s
}

// keyOf is the key of a URL under the rule that servers have.
func keyOf(t *testing.T, raw string) string {
	u, err := key.Parse(raw, key.Auto)
	if err != nil {
		t.Fatal(err)
	}
	return u.Key()
}

// prepare fills a data directory and starts a server on it, whose only worker is busy all the time.
func prepare(t *testing.T, hog string) *process {
	p := newProcess(t, "", "FROMCACHE_TOKEN=", "FROMCACHE_SERVER=")
	run := func(stdin string, args ...string) string {
		t.Helper()
		r := way{p, nil}.run(stdin, args...)
		if r.status != 0 {
			t.Fatal(args, r)
		}
		return strings.TrimSpace(r.stdout)
	}
	run("one\n", "put", "https://vendor.example/one.txt", "-")
	run("two\n", "put", "https://vendor.example/two.txt", "-")
	for _, name := range []string{"a.bin", "b.bin", "c.bin"} {
		run("", "add", "https://vendor.example/"+name)
	}
	run("", "cancel", "*c.bin*")
	for _, name := range []string{"m1.run", "m2.run", "m3.run", "m4.run", "m5.run"} {
		u := "https://vendor.example/" + name
		write(t, p.data("misses", keyOf(t, u)), u+"\n2030-01-31T02:00:00Z miss 10.0.0.7 curl/8.0\n")
	}
	signed := "https://vendor.example/signed.run?X-Amz-Signature="
	write(t, p.data("misses", keyOf(t, signed+"canary1")),
		signed+"canary1\n2030-01-31T02:00:00Z miss 10.0.0.7 curl/8.0\n2030-01-31T02:01:00Z miss 10.0.0.8 curl/8.0 "+signed+"canary2\n")
	write(t, p.data("failed", keyOf(t, "https://vendor.example/f.bin")+".job"),
		"https://vendor.example/f.bin\n2030-01-31T02:00:00Z approve cli x\n2030-01-31T02:00:00Z failed 404 Not Found\n")
	write(t, p.data("failed", keyOf(t, "https://vendor.example/g.bin")+".job"),
		"https://vendor.example/g.bin\n2030-01-31T02:00:00Z approve cli x\n2030-01-31T02:00:00Z failed 404 Not Found\n")
	run("", "cancel", "https://vendor.example/a.bin", "https://vendor.example/b.bin")
	run("", "add", hog)
	p.start("--workers", "1", "--header-timeout", "1h") // the worker stays busy
	p.eventually("the worker is busy", func() bool { return p.there("active/*hog.bin*") })
	run("", "retry", "https://vendor.example/a.bin", "https://vendor.example/b.bin")
	return p
}

// calls are the verbs from afar, one call after the other. Behind a | is standard input; § is a blank in an operand; KEY(URL) and
// SUM(URL) stand for what belongs to a URL.
const calls = `
status
status --json
ls
ls --json
ls misses
ls misses --json
ls queue
ls queue --json
ls failed
ls cancelled --json
ls artifacts
ls artifacts --json
ls nonsense
why https://vendor.example/one.txt
why --json https://vendor.example/one.txt
why https://vendor.example/signed.run?X-Amz-Signature=canary1
why --json https://vendor.example/signed.run?X-Amz-Signature=canary1
why https://vendor.example/f.bin
why https://vendor.example/never
why nonsense
stats
stats --days 3
stats --days 0
log
log --json --all *a.bin*
log -n 1
log https://vendor.example/f.bin
log nonsense://
log [
break a meta
ls artifacts
approve *m1*
approve KEY(https://vendor.example/m2.run) nothing *nothing*
approve https://vendor.example/m3.run
approve *m3*
approve KEY(https://vendor.example/signed.run?X-Amz-Signature=1)@0123456789ab
approve KEY(https://vendor.example/signed.run?X-Amz-Signature=1)@SUM(https://vendor.example/signed.run?X-Amz-Signature=canary1)
approve
approve [
dismiss *m4*
dismiss failed/*f.bin* vendor.example--x
deny https://vendor.example/m5.run
deny ads.example.com *.ads.example.com
deny a/b
deny -- -x
deny a_b
ls denied
ls denied --json
add https://ads.example.com/x
put https://ads.example.com/x - | denied
allow *.ads.example.com
ls denied
allow ads.example.com https://vendor.example/m5.run
allow ads.example.com
rules ls
rules add *.rules.example
rules add dl.rules.example path§/cuda/* max-size§1GiB budget§2GiB/7d until§2099-01-31 digest§required
rules add dl.rules.example
rules add KEY(https://vendor.example/m1.run)
rules add HOST
rules add a/b
rules add -- -x
rules add *
rules add x.rules.example max-size§huge
rules add
rules ls
rules ls --json
rules test
rules test --json
rules test nofile
rules test vendor.example
rules test --json vendor.example
rules suggest
rules suggest --json
rules rm *.rules.example nothing ..
rules rm
rules
rules ls x
why https://dl.rules.example/cuda/x
why --json https://dl.rules.example/rocm/x
rules ls
cancel *a.bin* *nothing*
cancel https://vendor.example/b.bin
cancel . .. /
retry *a.bin* failed/KEY(https://vendor.example/g.bin).job
retry done/*one* nothing
retry KEY(https://vendor.example/one.txt)
evict *two*
evict https://vendor.example/two.txt
evict vendor.example--broken* %2e%2e a?b a%b
add https://vendor.example/new.bin https://vendor.example/new2.bin
add https://vendor.example/new.bin
add --sha256 7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c https://vendor.example/pinned
add --sha256 0000000000000000000000000000000000000000000000000000000000000000 https://vendor.example/pinned
add --sha256 00 https://vendor.example/pinned
add --accept what https://vendor.example/x
add --accept any,private https://vendor.example/x
add nonsense ftp://x/y https://user:canary@vendor.example/x
put https://vendor.example/put.txt - | some text
put https://vendor.example/put.txt file
put https://vendor.example/empty.txt empty
put https://vendor.example/put.txt nofile
put https://vendor.example/put.txt .
put nonsense file
put https://user:canary@vendor.example/x file
put --sha256 0000000000000000000000000000000000000000000000000000000000000000 https://vendor.example/put.txt file
put --sha256 7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c https://vendor.example/put.txt - | other
put https://vendor.example/page.run - | <!DOCTYPE html><html>
put --accept text/html https://vendor.example/page.run - | <!DOCTYPE html><html>
put https://vendor.example/page.run
ls artifacts
ls
why https://vendor.example/put.txt
log
`

var names = regexp.MustCompile(`(KEY|SUM)\(([^)]*)\)`)

// TestVerbsFromAfar: a verb does and prints the same through the API as on the data directory.
func TestVerbsFromAfar(t *testing.T) {
	hold := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(func() { close(hold); origin.Close() })
	here := way{process: prepare(t, origin.URL+"/hog.bin")}
	far := way{process: prepare(t, origin.URL+"/hog.bin")}
	token := far.run("", "token", "add", "ops", "--role", "operate")
	far.env = append(far.env, "FROMCACHE_TOKEN="+strings.TrimSpace(token.stdout), "FROMCACHE_SERVER=http://127.0.0.1:1")
	far.flags = []string{"--server", far.url}
	for _, p := range []way{here, far} {
		write(t, p.dir+"/file", "a file\n")
		write(t, p.dir+"/empty", "")
		write(t, p.dir+"/vendor.example", "path /*.run\n")
	}
	try := func(line string) {
		call, stdin, _ := strings.Cut(strings.TrimSpace(line), " | ")
		call = names.ReplaceAllStringFunc(call, func(s string) string {
			m := names.FindStringSubmatch(s)
			if m[1] == "KEY" {
				return keyOf(t, m[2])
			}
			return job.URLSum(m[2])[:12]
		})
		if call == "break a meta" {
			for _, p := range []way{here, far} {
				write(t, p.data("meta", "vendor.example--broken--0123456789abcdef0123456789abcdef.json"), "{")
			}
			return
		}
		args := strings.Fields(call)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "§", " ")
		}
		inPlace := args
		if args[0] == "status" { // it asks the server, too
			inPlace = append(slices.Clone(args), "--port", here.url[strings.LastIndexByte(here.url, ':')+1:])
		}
		a, b := here.run(stdin, inPlace...), far.run(stdin, args...)
		if x, y := a.common(args[0]), b.common(args[0]); x != y {
			t.Errorf("fromcache %s\nhere: %+v\nfar:  %+v", call, x, y)
		}
		if strings.Contains(b.stdout+b.stderr, "canary") || strings.Contains(b.stdout+b.stderr, strings.TrimSpace(token.stdout)) {
			t.Errorf("fromcache %s shows a secret: %+v", call, b)
		}
	}
	for line := range strings.Lines(strings.TrimSpace(calls)) {
		try(line)
	}
	for _, dir := range []string{"misses", "queue", "cancelled", "failed", "done", "denied", "allowed", "meta", "blobs"} {
		if a, b := here.listed(dir), far.listed(dir); a != b {
			t.Errorf("%s/ here: %s\nfar: %s", dir, a, b)
		}
	}
	if b, err := os.ReadFile(far.data("queue", keyOf(t, "https://vendor.example/m1.run")+".job")); err != nil || !strings.Contains(string(b), " approve api ops:127.0.0.1") {
		t.Errorf("%v: %s", err, b)
	}
	try("cancel *hog*") // last, because the worker then takes what waits, at each side when it comes to it
}

func (p *process) listed(dir string) string {
	var names []string
	entries, err := os.ReadDir(p.data(dir))
	p.must(err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestAfarWithAPrivateCA: https is verified, by the CA that is named.
func TestAfarWithAPrivateCA(t *testing.T) {
	p := newProcess(t, "", "FROMCACHE_TOKEN=", "SSL_CERT_FILE=/nonexistent")
	o := pair(t, t.TempDir(), time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
	p.start("--tls-cert", o.tlsCert, "--tls-key", o.tlsKey)
	far := way{p, []string{"--server", strings.Replace(p.url, "http:", "https:", 1)}}
	if r := far.run("", "ls"); r.status != 1 || !strings.Contains(r.stderr, "FROMCACHE_CA_FILE or SSL_CERT_FILE names the CA") {
		t.Error(r)
	}
	for _, variable := range []string{"FROMCACHE_CA_FILE=", "SSL_CERT_FILE="} {
		p.env = append(p.env, variable+o.tlsCert)
		if r := far.run("x", "put", "https://vendor.example/x.txt", "-"); r.status != 0 {
			t.Error(variable, r)
		}
		p.env = p.env[:len(p.env)-1]
	}
	p.env = append(p.env, "FROMCACHE_CA_FILE="+o.tlsKey)
	if r := far.run("", "ls"); r.status != 1 || !strings.Contains(r.stderr, "has no certificate in PEM") {
		t.Error(r)
	}
}
