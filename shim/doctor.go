package shim

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readBinary reads a file of a size that a build of this program may have.
func readBinary(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 16<<20 {
		return "", errors.New("not a program")
	}
	data, err := os.ReadFile(path)
	return string(data), err
}

// maxSkew is a difference of clocks that begins to matter for signed URLs and certificates.
const maxSkew = time.Minute

// doctor looks at all that keeps the shim from working here, and says for each URL whether it would hit, miss or pass. The
// exit status is 1 if something is wrong.
func (m *machine) doctor(urls []string) int {
	bad := 0
	say := func(ok bool, line string) {
		mark := "ok    "
		if !ok {
			mark = "wrong "
			bad = 1
		}
		m.out(mark + line)
	}
	for _, t := range []Tool{Curl, Wget} {
		w := m.wins(t, m.env)
		say(w.path == "" || w.shim && w.real != "", w.line(t))
		m.out("note  for root, by sudo: " + m.wins(t, m.env.With("PATH", rootPath())).line(t))
	}
	m.checkCaches(say)
	m.noteProxies()
	for _, t := range []Tool{Curl, Wget} {
		m.checkConfig(t, say)
		for _, u := range urls {
			m.out("url   " + strings.TrimPrefix(m.decide(t, u).Line(t), "fromcache: "))
		}
	}
	return bad
}

// decide says what a plain download of a URL would be: curl -L -O URL, wget URL.
func (m *machine) decide(t Tool, url string) Decision {
	args := []string{url}
	if t == Curl {
		args = []string{"-L", "-O", url}
	}
	return Plan(m.input(t, args))
}

// rootPath is the PATH that sudo gives: secure_path where sudoers can be read, else the usual one.
func rootPath() string {
	data, _ := readConfig("/etc/sudoers")
	for line := range strings.Lines(string(data)) {
		if _, v, ok := strings.Cut(line, "secure_path"); ok && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			return strings.Trim(v, "=\" \t\r\n")
		}
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// checkCaches asks each cache for its health, and compares clocks.
func (m *machine) checkCaches(say func(bool, string)) {
	caches, wrong := cachesOf(m.env, Curl)
	more, wrongToo := cachesOf(m.env, Wget)
	for _, c := range more {
		if !hasCache(caches, c.Base) {
			caches = append(caches, c)
		}
	}
	for _, w := range wrongToo {
		if !slices.Contains(wrong, w) {
			wrong = append(wrong, w)
		}
	}
	for _, w := range wrong {
		say(false, w)
	}
	if len(caches)+len(wrong) == 0 {
		say(false, "no cache: FROMCACHE_SERVER is not set")
	}
	p := m.prober()
	for _, c := range caches {
		m.checkCache(p, c, say)
	}
}

// prober asks as the first of the real tools that is there would.
func (m *machine) prober() *prober {
	for _, t := range []Tool{Curl, Wget} {
		if real := m.wins(t, m.env).real; real != "" {
			return liveProber(t, m.env, real)
		}
	}
	return liveProber(Curl, m.env, Curl.String())
}

func (m *machine) checkCache(p *prober, c Cache, say func(bool, string)) {
	start := time.Now()
	header := p.header(c, "/healthz")
	took := time.Since(start)
	switch status := statusLine(header); {
	case strings.Contains(status, " 200") && strings.Contains(statusLine(p.header(c, noToken)), " 200"):
		say(false, "cache "+c.Base+" is no cache-host: it answers 200 to all, so the shim takes it for one that is down")
	case strings.Contains(status, " 200"):
		say(true, "cache "+c.Base+" answers "+clean(status)+" in "+milliseconds(took))
	case p.header(c.otherScheme(), "/healthz") != "":
		say(false, "cache "+c.Base+" does not speak "+c.t.scheme+": its address is "+c.otherScheme().Base)
	case status == "":
		say(false, "cache "+c.Base+" does not answer")
	default:
		say(false, "cache "+c.Base+" answers "+clean(status))
	}
	if skew, ok := clockSkew(header, time.Now()); ok {
		say(skew < maxSkew && skew > -maxSkew, "clock differs from the cache's by "+strconv.Itoa(int(skew/time.Second))+" s")
	}
}

// noToken is a path to which no cache-host answers 200, and of which it notes nothing: one letter is no base64.
const noToken = "/b/A/doctor"

func statusLine(header string) string {
	line, _, _ := strings.Cut(strings.TrimRight(header, "\r\n"), "\n")
	return strings.TrimRight(line, "\r")
}

// otherScheme is the same address and port under https where this is http, and the other way round.
func (c Cache) otherScheme() Cache {
	t := c.t
	t.scheme = map[string]string{"http": "https", "https": "http"}[t.scheme]
	if t.port = portOf(c.t); t.port == defaultPort(t.scheme) {
		t.port = ""
	}
	return Cache{t.scheme + "://" + t.authority() + strings.TrimRight(t.path, "/"), t}
}

func milliseconds(d time.Duration) string {
	tenths := d.Microseconds() / 100
	return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " ms"
}

// clockSkew returns how far this machine's clock is ahead of a Date field in the preferred form of
// RFC 9110, 5.6.7. It reads the date itself because time.Parse would add a hundredth to the program.
func clockSkew(header string, now time.Time) (time.Duration, bool) {
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(line, ":")
		f := strings.FieldsFunc(value, func(r rune) bool { return r <= ' ' || r == ':' || r == ',' })
		if strings.ToLower(name) == "date" && len(f) == 8 && len(f[2]) == 3 {
			month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", f[2])/3 + 1
			t := time.Date(number(f[3]), time.Month(month), number(f[1]), number(f[4]), number(f[5]), number(f[6]), 0, time.UTC)
			return now.Sub(t), true
		}
	}
	return 0, false
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// header returns the header of the answer to HEAD for a path of the cache, empty if there is none. An https cache is asked
// by the real tool.
func (p *prober) header(c Cache, path string) string {
	deadline := time.Now().Add(p.timeout)
	if c.t.scheme == "https" {
		header, _, _ := p.runTool(p.headArgs(Question{}, c.Base+path, p.timeout), pastProxy(p.env, p.tool, c), deadline)
		return strings.TrimSpace(header)
	}
	conn, err := p.dial(Question{}, c, deadline)
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, p.request("HEAD", c, c.Base+path, "")); err != nil {
		return ""
	}
	data, _ := io.ReadAll(io.LimitReader(conn, maxHeader))
	header, _, _ := strings.Cut(string(data), "\r\n\r\n")
	if !strings.HasPrefix(header, "HTTP/") {
		return ""
	}
	return header
}

// noteProxies shows the proxy variables: they do no harm, but explain where a miss goes.
func (m *machine) noteProxies() {
	for _, n := range []string{"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"} {
		if v := m.env.Get(n); v != "" {
			m.out("note  " + n + "=" + showURL(v))
		}
	}
}

// checkConfig says whether configuration files make every call of a tool pass.
func (m *machine) checkConfig(t Tool, say func(bool, string)) {
	in := m.input(t, []string{"https://example.com/a"})
	for _, name := range []string{envOnly, envSkip, envCurlServer, envCurlAlias, envWgetServer, envWgetAlias} {
		in.Env = in.Env.With(name, "")
	}
	in.Env = in.Env.With(envServer, "http://cache.invalid")
	asked := false
	in.Ask = func(q []Question) []Answer {
		asked = true
		return make([]Answer, len(q))
	}
	d := Plan(in)
	if asked {
		say(true, t.String()+": no configuration file stands in the way")
		return
	}
	reason := d.Whole
	if reason == "" && len(d.Verdicts) > 0 {
		reason = d.Verdicts[0].Reason
	}
	say(false, t.String()+": every call passes: "+clean(reason))
}
