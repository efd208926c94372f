package shim

import (
	"errors"
	"io"
	"os"
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
	caches := parseCaches(serverList(m.env, Curl) + " " + serverList(m.env, Wget))
	if len(caches) == 0 {
		say(false, "no cache: FROMCACHE_SERVER is not set")
	}
	for _, c := range caches {
		p := liveProber(Curl, m.env, "curl")
		if c.t.scheme == "https" {
			m.out("note  cache " + c.Base + " is https: it is asked by the real tool")
			continue
		}
		start := time.Now()
		header, err := p.health(c)
		took := time.Since(start)
		if err != nil {
			say(false, "cache "+c.Base+" does not answer")
			continue
		}
		status, _, _ := strings.Cut(strings.TrimRight(header, "\r\n"), "\r\n")
		say(strings.Contains(status, " 200"), "cache "+c.Base+" answers "+clean(status)+" in "+milliseconds(took))
		if skew, ok := clockSkew(header, time.Now()); ok {
			say(skew < maxSkew && skew > -maxSkew, "clock differs from the cache's by "+strconv.Itoa(int(skew/time.Second))+" s")
		}
	}
}

func milliseconds(d time.Duration) string {
	tenths := d.Microseconds() / 100
	return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " ms"
}

// clockSkew returns how far this machine's clock is ahead of a Date field in the preferred form of RFC 9110, 5.6.7.
func clockSkew(header string, now time.Time) (time.Duration, bool) {
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(line, ":")
		f := strings.FieldsFunc(value, func(r rune) bool { return r <= ' ' || r == ':' || r == ',' })
		if lower(name) == "date" && len(f) == 8 && len(f[2]) == 3 {
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

// health returns the header of the cache's /healthz.
func (p *prober) health(c Cache) (string, error) {
	deadline := time.Now().Add(p.timeout)
	conn, err := p.dial(Question{}, c, deadline)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, p.head(c, strings.TrimPrefix(c.Base, c.t.scheme+"://"+c.t.authority())+"/healthz")); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(conn, maxHeader))
	if len(data) == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	header, _, _ := strings.Cut(string(data), "\r\n\r\n")
	return header, err
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
	for _, name := range []string{envOnly, envSkip, envCurlServer, envWgetServer} {
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
