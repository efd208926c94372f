package plan

import (
	"math/rand"
	"strings"
	"testing"

	"fromcache/shim/call"
)

// neutrals and stoppers are words to mix: options that leave a call a hit, and options of which one
// makes it pass.
var mixes = map[string]struct{ neutral, stop []string }{
	"curl": {
		[]string{"-f", "-s", "-S", "-L", "-fsSL", "-o x", "-ox", "-sSLo x", "-A agent", "-e ref", "-m 5", "--retry 3", "-k", "-4", "--compressed",
			"--max-time 10", "--output x", "--no-progress-meter", "--connect-timeout 1", "--limit-rate 1M", "-XGET", "-X GET", "-#", "-g", "-v",
			"--http1.1", "--proto -ftp", "-H User-Agent:x", "-HDNT:1", "-H Accept:*/*", "-w %{time_total}", "--create-dirs", "--sil", "--FAIL", "-Z", "-R"},
		[]string{"-u a:b", "-sua:b", "-d x", "-fdx", "-F a=b", "-T f", "-X POST", "-sXPUT", "-I", "-fsSLI", "-i", "-D -", "-b c", "-n", "-J", "-OJ", "-z 1",
			"-x p", "-H Authorization:x", "-HX:y", "-w %{remote_ip}", "-w %{url_effective}", "-K f", "--next-to", "--json x", "--proto =ftp", "--resolve a",
			"-E c", "--etag-save f", "--path-as-is", "-G", "--unknown", "-5", "--loc", "--no-such", "--interface e", "--http3", "-V", "--url @f"},
	},
	"wget": {
		[]string{"-q", "-nv", "-O x", "-Ox", "-qO x", "-t 3", "-T5", "--tries=3", "--timeout 9", "-P d", "--progress=dot", "-U a", "--no-check-certificate",
			"-4", "-nc", "-nd", "-e robots=off", "--no-config", "--quiet", "--limit-rate=1m", "--header=Accept:*/*", "--no-verb", "-b", "-e user_agent=a", "--secure-protocol=TLSv1_2"},
		[]string{"--https-only", "--ca-certificate=c", "--no-timestamping", "-r", "-m", "-p", "-k", "-x", "-E", "-S", "-qS", "-i f", "-B u", "-F", "--spider", "--post-data=x", "--method=PUT", "--user=a",
			"--password b", "--header=X:y", "--load-cookies f", "--no-cache", "--secure-protocol PFS", "--trust-server-names", "-e continue=on",
			"--config=f", "--bind-address=a", "--warc-file=w", "--unknown", "-z", "--backups", "--restrict-file-names windows", "-nx", "--pinnedpubkey k", "-V"},
	},
}

// mixture draws a command line: a URL or two and neutral options, in any order, with a stopper if
// stop is set.
func mixture(r *rand.Rand, tool string, stop bool) []string {
	m := mixes[tool]
	parts := []string{theURL}
	if r.Intn(3) == 0 {
		parts = append(parts, theURL)
	}
	for range r.Intn(8) {
		parts = append(parts, m.neutral[r.Intn(len(m.neutral))])
	}
	if stop {
		parts = append(parts, m.stop[r.Intn(len(m.stop))])
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return append([]string{tool}, strings.Fields(strings.Join(parts, " "))...)
}

// FuzzMixtures holds that one option that must stop a call stops it wherever it stands, and that
// without one the call hits.
func FuzzMixtures(f *testing.F) {
	for seed := range int64(400) {
		f.Add(seed, seed%2 == 0, seed%3 == 0)
	}
	f.Fuzz(func(t *testing.T, seed int64, wget, stop bool) {
		tool := map[bool]string{false: "curl", true: "wget"}[wget]
		line := mixture(rand.New(rand.NewSource(seed)), tool, stop)
		b := &machine{reply: Reply{Status: 200}}
		d := b.plan(line...)
		hits := strings.Count(strings.Join(d.Args, " "), theCache)
		if stop && (hits > 0 || len(b.asked) > 0 || strings.Join(d.Args, " ") != strings.Join(line[1:], " ")) {
			t.Errorf("%q was not stopped: %q", line, d.Args)
		}
		if !stop && hits != strings.Count(strings.Join(line, " "), theURL) {
			t.Errorf("%q: %d hits: %s", line, hits, d.Line(call.Curl))
		}
	})
}

// FuzzPlan holds, for any arguments, that a Plan ends, keeps their number, and changes nothing but
// words that it asked about.
func FuzzPlan(f *testing.F) {
	f.Add("-fsSLo\x00x\x00https://ex.test/held", false)
	f.Add("--url=https://ex.test/held\x00--next\x00-:\x00-d\x00@-\x00http://a/held", false)
	f.Add("-qO-\x00ex.test/held?a#b\x00--\x00-x", true)
	f.Add("-H\x00Range: bytes=0-1\x00-C\x00-\x00HTTP://EX.test:80/./held/../held/%2e", false)
	f.Add("-e\x00robots=off\x00--restrict-file-names=x\x00host:80/held\x00host:held", true)
	f.Fuzz(func(t *testing.T, joined string, wget bool) {
		tool := map[bool]string{false: "curl", true: "wget"}[wget]
		args := strings.Split(joined, "\x00")
		b := &machine{reply: Reply{Status: 200, Ranges: true}}
		d := b.plan(append([]string{tool}, args...)...)
		if len(d.Args) != len(args) {
			t.Fatalf("%q became %q", args, d.Args)
		}
		changed := 0
		for i := range args {
			if d.Args[i] != args[i] {
				changed++
				if !strings.Contains(d.Args[i], theCache+"/b/") {
					t.Errorf("%q became %q", args[i], d.Args[i])
				}
			}
		}
		if changed > len(b.asked) || d.Whole != "" && len(b.asked) > 0 {
			t.Errorf("%q: %d changed, %d asked, %q", args, changed, len(b.asked), d.Whole)
		}
	})
}

// FuzzTarget holds that a normalised URL is a fixed point and that nothing odd gets through.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"http://a/b", "HTTPS://A:443/../x/./y?z#f", "http://[::1]:80?", "http://a@b/", "http://a:080/", "http://1.2.3.4/..", "http://a/.%2e/.b/..c/..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, reason := parseURL(s)
		if reason != "" {
			return
		}
		again, reason := parseURL(u.String())
		if reason != "" || again != u {
			t.Errorf("%q: %q became %q %s", s, u, again, reason)
		}
		if strings.ContainsAny(u.String(), " \\#\x00\x7f") || strings.Contains(u.Path, "/../") || u.Path[0] != '/' || u.Host == "" {
			t.Errorf("%q: %+v", s, u)
		}
		isLoopback(u.Host)
		isMetadata(u.Host)
		matchHost("a,.b *.c 10.0.0.0/8 [::1]:80", u.Host, u.EffectivePort())
	})
}

// FuzzServers holds that an address that is taken for a cache's is one, without credentials.
func FuzzServers(f *testing.F) {
	f.Add("http://a:3000, b https://c/d/ ftp://e http://u:p@f")
	f.Fuzz(func(t *testing.T, list string) {
		caches, _ := ParseCaches(list)
		for _, c := range caches {
			if strings.ContainsAny(c.Base, "?# \\") || !strings.HasPrefix(c.Base, "http") || strings.HasSuffix(c.Base, "/") {
				t.Errorf("%q: %q", list, c.Base)
			}
		}
	})
}
