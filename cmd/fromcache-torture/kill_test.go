package torture

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// traced are the calls by which the tree and what is under way change.
var traced = []string{"openat", "write", "fsync", "renameat", "renameat2", "unlinkat", "fchmod", "flock", "close", "mkdirat", "fchmodat", "pwrite64", "ftruncate"}

// failing are the calls that may fail, and how.
var failing = map[string][]string{
	"openat":     {"EIO", "EMFILE", "EROFS"},
	"write":      {"EIO", "ENOSPC"},
	"fsync":      {"EIO", "ENOSPC"},
	"renameat":   {"EIO", "ENOSPC", "EROFS"},
	"renameat2":  {"EIO", "ENOSPC", "EINVAL"},
	"unlinkat":   {"EIO", "EROFS"},
	"fchmod":     {"EIO", "EPERM"},
	"flock":      {"EIO", "ENOLCK"},
	"close":      {"EIO"},
	"mkdirat":    {"ENOSPC"},
	"pread64":    {"EIO"},
	"getdents64": {"EIO"},
	"newfstatat": {"EIO"},
	"fstat":      {"EIO"},
	"ftruncate":  {"EIO"},
	"statfs":     {"EIO"},
}

// shot is one injection into one flow.
type shot struct {
	flow flow
	call string
	what string // "signal=KILL" or "error=EIO"
	n    int
}

func (s shot) String() string {
	return fmt.Sprintf("%s: %s of %s number %d", s.flow.name, s.what, s.call, s.n)
}

// sites collects where the shots hit: the call and its paths, without what is
// random in them.
type sites struct {
	mu sync.Mutex
	m  map[string]int
}

var random = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{16}|[0-9]{5,}|^[0-9]+ +|fromcache-torture-\S*?/data`)

func (s *sites) add(flow, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]int{}
	}
	s.m[flow+" "+random.ReplaceAllString(line, "X")]++
}

func (s *sites) len() int { return len(s.m) }

// fire runs one flow with one injection, and judges: at once by what was
// acknowledged, and again when a sound server has finished. hit is false when
// the flow ended without coming to that call so often.
func (p *program) fire(s shot, row *Row, at *sites) (hit bool) {
	l := p.newLab(row)
	defer l.close()
	s.flow.prepare(l)
	outside, _ := judge.Outside(l.root, l.data)
	trace := l.root + ".strace"
	defer os.Remove(trace)
	prefix := []string{"strace", "-f", "-qq", "-o", trace, "-e", "trace=" + s.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", s.call, s.what, s.n)}
	alive := false
	if s.flow.verb != nil {
		p.runVerb(l, s, prefix)
	} else {
		alive = p.runServer(l, s, prefix, trace)
	}
	line := hitLine(trace)
	if line == "" || alive && s.what == "signal=KILL" {
		return false
	}
	at.add(s.flow.name, line)
	for _, v := range l.judge() {
		row.Errorf("%v: at once: %s", s, v)
	}
	for _, v := range l.finish() {
		row.Errorf("%v: finished: %s", s, v)
	}
	if after, _ := judge.Outside(l.root, l.data); after != outside {
		row.Errorf("%v: I6: something beside the data directory changed", s)
	}
	return true
}

func (p *program) runVerb(l *lab, s shot, prefix []string) {
	args := append(append(append([]string{}, prefix...), p.path, "--data-dir", l.data), s.flow.verb(l)...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, _ := cmd.Output()
	if s.flow.ack != nil {
		s.flow.ack(l, string(out))
	}
}

// runServer drives a server until the flow is over, the injection has had its
// effect, or nothing moves any more; what still lives then is killed.
func (p *program) runServer(l *lab, s shot, prefix []string, trace string) (alive bool) {
	srv := p.newServer(l.data, prefix, s.flow.flags...)
	if srv.Start(3*time.Second) != nil { // the line that says so may be the write that failed
		return false
	}
	defer func() {
		alive = !srv.Dead()
		srv.Kill()
	}()
	if s.flow.drive != nil {
		s.flow.drive(l, srv)
	}
	var since time.Time
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end) && !srv.Dead(); time.Sleep(3 * time.Millisecond) {
		if s.flow.over(l, srv) {
			return
		}
		if since.IsZero() && hitLine(trace) != "" {
			since = time.Now()
		}
		if !since.IsZero() && time.Since(since) > 400*time.Millisecond {
			return
		}
	}
	return
}

// hitLine is the line of the trace at which the injection came, or "".
func hitLine(trace string) string {
	b, _ := os.ReadFile(trace)
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		if strings.Contains(line, "(INJECTED)") {
			return line
		}
		if strings.Contains(line, "killed by SIGKILL") && i > 0 {
			return lastCall(lines[:i])
		}
	}
	return ""
}

// lastCall is the newest line that shows a call: the one that was not allowed to return.
func lastCall(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "(") && !strings.Contains(lines[i], "+++") {
			return lines[i]
		}
	}
	return "?"
}
func TestHitLine(t *testing.T) {
	trace := t.TempDir() + "/trace"
	for text, want := range map[string]string{
		"":                  "",
		"12 close(3) = 0\n": "",
		"12 close(3 <unfinished ...>\n12 +++ killed by SIGKILL +++\n":                   "12 close(3 <unfinished ...>",
		"12 fsync(7) = -1 EIO (Input/output error) (INJECTED)\n13 close(3) = 0\n":       "12 fsync(7) = -1 EIO (Input/output error) (INJECTED)",
		"12 fsync(7) = 0\n13 +++ killed by SIGKILL +++\n12 +++ killed by SIGKILL +++\n": "12 fsync(7) = 0",
	} {
		if err := os.WriteFile(trace, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hitLine(trace); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
