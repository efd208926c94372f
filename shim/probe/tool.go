package probe

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
)

// headByTool asks an https cache by the real tool, which knows whom this machine trusts. It costs a
// process, some ten milliseconds.
func (p *Prober) headByTool(q plan.Question, c plan.Cache, url string, deadline time.Time) reply {
	start := time.Now()
	args := p.headArgs(q, url, time.Until(deadline))
	header, status, err := p.runTool(args, p.toolEnv(c), deadline)
	if err != nil {
		return failed(unsure, "the real tool could not be run")
	}
	rep := readReply(bufio.NewReader(strings.NewReader(header)))
	switch {
	case rep.Status == 0 && p.untrusted(status):
		return failed(answered, p.distrust())
	case status != 0 && (rep.Status == 200 || rep.Status == 0):
		return failed(p.silence(q, status, header, time.Since(start)), "the cache did not answer")
	}
	return rep
}

// silence is what an exit status of the real tool without an answer tells of the cache. wget's does
// not tell a refusal from a time that was over, and the time that it took does.
func (p *Prober) silence(q plan.Question, status int, header string, took time.Duration) state {
	switch {
	case q.Family != 0 || status >= 0 && !p.unreachable(status) || strings.TrimSpace(header) != "":
		return answered
	case status < 0 || status == curlTimeout && p.tool == call.Curl || took >= p.connectTimeout:
		return silent
	}
	return down
}

// curlTimeout is the exit status by which curl says that its time was over (curl(1)).
const curlTimeout = 28

// distrust says that the real tool refused the cache's certificate, and what may help.
func (p *Prober) distrust() string {
	why := p.tool.String() + " does not trust the cache's certificate; "
	if p.caFile == "" {
		return why + plan.EnvCAFile + " names the file of a private CA"
	}
	return why + "it may be unable to read " + plan.EnvCAFile +
		", or a policy of this machine wants another key"
}

// unreachable reports whether the tool's exit status says that there was no connection: curl's 6, 7
// and 28 (curl(1)), wget's 4 (wget(1)).
func (p *Prober) unreachable(status int) bool {
	if p.tool == call.Wget {
		return status == 4
	}
	return status == 6 || status == 7 || status == curlTimeout
}

// untrusted reports whether the tool's exit status says that the server's certificate was refused,
// or the CA's file could not be read: curl's 60 and 77 (curl(1)), wget's 5 (wget(1)).
func (p *Prober) untrusted(status int) bool {
	if p.tool == call.Wget {
		return status == 5
	}
	return status == 60 || status == 77
}

// partByTool has the real tool fetch what part fetches. Of wget, which can say where to begin but
// not where to end, enough is taken.
func (p *Prober) partByTool(
	q plan.Question, c plan.Cache, r reply, from, to int64, deadline time.Time,
) ([]byte, error) {
	if r.Pin == "" {
		return nil, errOtherVersion // of what version it is could not be told
	}
	begin := strconv.FormatInt(from, 10)
	args := []string{"-fsS", "-r", begin + "-" + strconv.FormatInt(to-1, 10)}
	if p.tool == call.Wget {
		args = []string{"-qO-", "--start-pos=" + begin}
	}
	args = p.toolArgs(q, c.Address(q.URL, r.Pin), time.Until(deadline), args...)
	b, _, err := p.output(args, p.toolEnv(c), deadline, false, to-from)
	if err == nil && int64(len(b)) < to-from {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// headArgs returns the arguments for one HEAD with the header as output.
func (p *Prober) headArgs(q plan.Question, url string, left time.Duration) []string {
	if p.tool == call.Wget {
		return p.toolArgs(q, url, left, "--spider", "-S")
	}
	return p.toolArgs(q, url, left, "-sSI")
}

// toolArgs returns the arguments for one request without configuration files and redirects.
func (p *Prober) toolArgs(
	q plan.Question, url string, left time.Duration, what ...string,
) []string {
	connect, all := seconds(p.connectTimeout), seconds(left)
	args := append([]string{"-q"}, what...)
	args = append(args, "--connect-timeout", connect, "--max-time", all)
	if p.tool == call.Wget {
		args = append([]string{"--no-config"}, what...)
		args = append(args, "-t1", "--max-redirect=0", "--no-netrc", "--no-hsts",
			"--connect-timeout="+connect, "--read-timeout="+all)
	}
	args = append(args, q.TLS...)
	if q.Family != 0 {
		args = append(args, "-"+strconv.Itoa(q.Family))
	}
	agent, header := "-A", "-H"
	if p.tool == call.Wget {
		agent, header = "-U", "--header"
	}
	if p.quiet {
		args = append(args, header, onlyIfCached)
	}
	args = append(args, agent, p.tool.String()+"+fromcache-shim", url)
	args, _ = p.tool.Trust(args, nil, p.caFile)
	return args
}

// toolEnv returns the environment in which the real tool asks a cache: past a proxy, and with the
// cache's CA.
func (p *Prober) toolEnv(c plan.Cache) call.Env {
	_, env := p.tool.Trust(nil, plan.PastProxy(p.env, p.tool, c), p.caFile)
	return env
}

// seconds writes a duration as both tools take it, in seconds with three decimals.
func seconds(d time.Duration) string {
	ms := strconv.FormatInt(max(d.Milliseconds(), 10)+10_000_000, 10)
	return strings.TrimLeft(ms[1:4], "0") + ms[4:5] + "." + ms[5:]
}

// runTool runs the real tool and returns the header that it prints. It ends it at the deadline;
// status is then -1.
func (p *Prober) runTool(
	args []string, env call.Env, deadline time.Time,
) (header string, status int, err error) {
	onStderr := p.tool == call.Wget // where it prints headers
	data, status, err := p.output(args, env, deadline, onStderr, maxHeader)
	return p.headerOf(string(data)), status, err
}

// output runs the real tool and returns so much of what it prints on one of its streams. It ends it
// then, or at the deadline.
func (p *Prober) output(
	args []string, env call.Env, deadline time.Time, errors bool, most int64,
) (data []byte, status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		w.Close()
		return nil, 0, err
	}
	defer null.Close()
	files := []*os.File{null, w, null}
	if errors {
		files = []*os.File{null, null, w}
	}
	argv := append([]string{p.real}, args...)
	proc, err := os.StartProcess(p.real, argv, &os.ProcAttr{Env: env, Files: files})
	w.Close()
	if err != nil {
		return nil, 0, err
	}
	end := time.AfterFunc(time.Until(deadline), func() { proc.Kill() })
	defer end.Stop()
	data, _ = io.ReadAll(io.LimitReader(r, most))
	if int64(len(data)) == most {
		proc.Kill()
	}
	state, err := proc.Wait()
	if err != nil {
		return nil, 0, err
	}
	return data, state.ExitCode(), nil
}

// headerOf cuts the header out of wget's log, whose lines of it begin with two blanks.
func (p *Prober) headerOf(out string) string {
	if p.tool == call.Curl {
		return out
	}
	var b strings.Builder
	for line := range strings.Lines(out) {
		if h, ok := strings.CutPrefix(line, "  "); ok && (b.Len() > 0 || strings.HasPrefix(h, "HTTP/")) {
			b.WriteString(h)
		} else if b.Len() > 0 {
			break
		}
	}
	return b.String() + "\n"
}
