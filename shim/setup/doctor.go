package setup

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/probe"
	"fromcache/shim/realtool"
	"fromcache/shim/wait"
)

// maxSkew is a difference of clocks that begins to matter for signed URLs and certificates.
const maxSkew = time.Minute

// doctor looks at all that keeps the shim from working here, and says for each URL whether it would
// hit, miss or pass. The exit status is 1 if something is wrong.
func (m *program) doctor(urls []string) int {
	bad := 0
	say := func(ok bool, line string) {
		mark := "ok    "
		if !ok {
			mark = "wrong "
			bad = 1
		}
		m.out(mark + line)
	}
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		w := m.lookUp(t, m.env)
		say(w.path == "" || w.shim && w.real != "", w.line(t))
		m.out("note  for root, by sudo: " + m.lookUp(t, m.env.With("PATH", rootPath)).line(t))
	}
	m.checkCaches(say)
	m.checkTimes(say)
	m.noteProxies()
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		m.checkConfig(t, say)
		for _, u := range urls {
			m.out("url   " + strings.TrimPrefix(m.decide(t, u).Line(t), "fromcache: "))
		}
	}
	return bad
}

// decide says what a plain download of a URL would be: curl -L -O URL, wget URL.
func (m *program) decide(t call.Tool, url string) plan.Decision {
	args := []string{url}
	if t == call.Curl {
		args = []string{"-L", "-O", url}
	}
	return plan.Decide(m.input(t, args))
}

// rootPath is the PATH that sudo gives, unless its secure_path says otherwise.
const rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// checkCaches asks each cache for its health, and compares clocks.
func (m *program) checkCaches(say func(bool, string)) {
	caches, wrong := plan.Caches(m.env, call.Curl)
	wgets, wgetsWrong := plan.Caches(m.env, call.Wget)
	caches, wrong = union(caches, wgets), union(wrong, wgetsWrong)
	for _, w := range wrong {
		say(false, w)
	}
	if len(caches)+len(wrong) == 0 {
		say(false, "no cache: FROMCACHE_SERVER is not set")
	}
	p := m.prober()
	if slices.ContainsFunc(caches, func(c plan.Cache) bool { return c.URL.Scheme == "https" }) {
		m.checkCA(p, say)
	}
	for _, c := range caches {
		m.checkCache(p, c, say)
	}
}

// checkCA says whether the file of FROMCACHE_CA_FILE can be used.
func (m *program) checkCA(p *probe.Prober, say func(bool, string)) {
	file := plan.CAFile(m.env)
	line := plan.EnvCAFile + "=" + plan.Printable(file)
	switch {
	case file == "":
		return
	case m.tls == nil:
		m.out("note  no " + realtool.TLSShim + " lies beside this program: " +
			"the real tool asks https caches")
		return
	}
	if n, err := p.CheckCA(); err != nil {
		say(false, line+" can't be used: "+err.Error())
	} else {
		certificates := strconv.Itoa(n) + " certificates"
		if n == 1 {
			certificates = "1 certificate"
		}
		say(true, line+" has "+certificates)
	}
}

// checkTimes says which times can't be used, and for how long calls wait.
func (m *program) checkTimes(say func(bool, string)) {
	s, wrong := wait.Read(m.env)
	for _, w := range wrong {
		say(false, w)
	}
	if s.For > 0 {
		then := "the origin is asked"
		if s.Fail {
			then = "they fail"
		}
		m.out("note  calls wait up to " + s.For.String() + " for what is approved; then " + then)
	} else if s.Fail {
		say(false, plan.EnvOnTimeout+"=fail does nothing without "+plan.EnvWait)
	}
}

// union returns what is in a or in b, each once.
func union[T comparable](a, b []T) []T {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// prober returns one that asks https caches by the first of the real tools that is there.
func (m *program) prober() *probe.Prober {
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		if real := m.lookUp(t, m.env).real; real != "" {
			return probe.New(t, m.env, real, m.tls)
		}
	}
	return probe.New(call.Curl, m.env, call.Curl.String(), m.tls)
}

// checkCache says how a cache answers, and what is wrong if it does not.
func (m *program) checkCache(p *probe.Prober, c plan.Cache, say func(bool, string)) {
	start := time.Now()
	status, date, reason := p.Head(c, "/healthz")
	took := time.Since(start)
	refused := ""
	if status == 200 && c.URL.Scheme == "https" && plan.CAFile(m.env) != "" {
		refused = m.refused(c)
	}
	switch {
	case refused != "":
		say(false, "cache "+c.Base+" can't be used: "+refused+": fromcache help https")
	case status == 200 && answers(p, c, noToken) == 200:
		say(false, "cache "+c.Base+" is no cache-host: it answers 200 to all, and counts as down")
	case status == 200:
		say(true, "cache "+c.Base+" answers in "+milliseconds(took))
	case speaksOther(p, c):
		say(false, "cache "+c.Base+" does not speak "+c.URL.Scheme+
			": its address is "+otherScheme(c).Base)
	case status == 0 && c.URL.Scheme == "https":
		say(false, "cache "+c.Base+" can't be used: "+plan.Printable(reason)+
			": fromcache help https")
	case status == 0:
		say(false, "cache "+c.Base+" does not answer: "+plan.Printable(reason))
	case reason != "":
		say(false, "cache "+c.Base+": "+plan.Printable(reason))
	default:
		say(false, "cache "+c.Base+" answers "+strconv.Itoa(status))
	}
	if why := p.Unasked(c); why != "" {
		m.out("note  calls do not ask cache " + c.Base + " now: " + plan.Printable(why))
	}
	if skew, ok := clockSkew(date, time.Now()); ok {
		seconds := strconv.Itoa(int(skew / time.Second))
		say(skew < maxSkew && skew > -maxSkew, "clock differs from the cache's by "+seconds+" s")
	}
}

// refused says why one of the real tools does not get on with an https cache that the shim takes:
// one in a sandbox may be unable to read FROMCACHE_CA_FILE, for instance. busybox is none of them,
// because it is never sent to an https cache.
func (m *program) refused(c plan.Cache) (reason string) {
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		real := m.lookUp(t, m.env).real
		caches, _ := plan.Caches(m.env, t)
		if real == "" || realtool.FileName(real) == "busybox" || !slices.Contains(caches, c) {
			continue
		}
		if why := probe.New(t, m.env, real, m.tls).Refused(c, "/healthz"); why != "" {
			return why
		}
	}
	return ""
}

// answers returns the status of a cache's answer to HEAD of a path, 0 for none.
func answers(p *probe.Prober, c plan.Cache, path string) int {
	status, _, _ := p.Head(c, path)
	return status
}

// speaksOther reports whether what did not answer well under a cache's address is one under the
// other scheme. Under http only a cache-host's answer counts, because servers of TLS answer 400 to
// it.
func speaksOther(p *probe.Prober, c plan.Cache) bool {
	other := otherScheme(c)
	status := answers(p, other, "/healthz")
	if other.URL.Scheme == "https" {
		return status != 0
	}
	return status == 200 && answers(p, other, noToken) != 200
}

// noToken is a path to which no cache-host answers 200, and which it does not record as a miss,
// because one letter is no base64.
const noToken = "/b/A/doctor"

// otherScheme is the same address and port under https where this is http, and the other way round.
func otherScheme(c plan.Cache) plan.Cache {
	scheme := map[string]string{"http": "https", "https": "http"}[c.URL.Scheme]
	address := scheme + "://" + c.URL.Host + ":" + c.URL.EffectivePort() + c.URL.Path
	caches, _ := plan.ParseCaches(address)
	return caches[0]
}

func milliseconds(d time.Duration) string {
	tenths := d.Microseconds() / 100
	return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " ms"
}

// clockSkew returns how far this machine's clock is ahead of a Date field in the preferred form of
// RFC 9110, 5.6.7. It reads the date itself because time.Parse would add a hundredth to the
// program.
func clockSkew(date string, now time.Time) (time.Duration, bool) {
	f := strings.FieldsFunc(date, func(r rune) bool { return r == ' ' || r == ':' || r == ',' })
	if len(f) != 8 || len(f[2]) != 3 {
		return 0, false
	}
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", f[2])/3 + 1
	t := time.Date(number(f[3]), time.Month(month), number(f[1]),
		number(f[4]), number(f[5]), number(f[6]), 0, time.UTC)
	return now.Sub(t), true
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// noteProxies shows the proxy variables, because they say where a miss goes.
func (m *program) noteProxies() {
	const names = "http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY"
	for _, n := range strings.Fields(names) {
		if v := m.env.Get(n); v != "" {
			m.out("note  " + n + "=" + plan.Redacted(v))
		}
	}
}

// checkConfig says whether configuration files make every call of a tool pass.
func (m *program) checkConfig(t call.Tool, say func(bool, string)) {
	in := m.input(t, []string{"https://example.com/a"})
	for _, name := range []string{
		plan.EnvOnly, plan.EnvSkip,
		plan.EnvCurlServer, plan.EnvCurlAlias, plan.EnvWgetServer, plan.EnvWgetAlias,
	} {
		in.Env = in.Env.With(name, "")
	}
	in.Env = in.Env.With(plan.EnvServer, "http://cache.invalid")
	asked := false
	in.Ask = func(q []plan.Question) []plan.Answer {
		asked = true
		return make([]plan.Answer, len(q))
	}
	d := plan.Decide(in)
	if asked {
		say(true, t.String()+": no configuration file stands in the way")
		return
	}
	reason := d.Whole
	if reason == "" && len(d.Verdicts) > 0 {
		reason = d.Verdicts[0].Reason
	}
	say(false, t.String()+": every call passes: "+plan.Printable(reason))
}
