package shim_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fetching is a cache that holds nothing for so many requests, and says that it will.
func fetching(t *testing.T, requests int32, field string) (url string, asked *atomic.Int32) {
	var n atomic.Int32
	return cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > requests {
			holds(w, r)
			return
		}
		w.Header().Set("Cache-Status", "fromcache; fwd=uri-miss; "+field)
		w.Header().Set("Retry-After", "1")
		http.NotFound(w, r)
	})
}

// TestWaitAnswers holds after which answers a call waits: those of a cache-host that is about to
// fetch the URL.
func TestWaitAnswers(t *testing.T) {
	t.Parallel()
	for field, asked := range map[string]int32{
		"detail=queued": 2, "detail=active": 2, "collapsed;detail=active": 2,
		"detail=uri-miss": 1, "detail=denied": 1, "detail=uri-miss-ill": 1, "x=queued": 1, "detail=queued2": 1,
	} {
		url, n := fetching(t, 1, field)
		r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+url, "FROMCACHE_WAIT=60")
		if hit := strings.Contains(r.stdout, url); hit != (asked == 2) || n.Load() != asked || r.stderr != "" {
			t.Errorf("%s: hit %v, asked %d times, %q", field, hit, n.Load(), r.stderr)
		}
	}
	url, n := fetching(t, 1, "detail=queued")
	if r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+url); n.Load() != 1 || strings.Contains(r.stdout, url) {
		t.Errorf("waited without being told to: asked %d times", n.Load())
	}
	if want(t, t.TempDir(), "export FROMCACHE_WAIT=60 FROMCACHE_SERVER="+url+"; $S plan -- curl "+vendorURL, 0, "curl: hit: "); n.Load() != 2 {
		t.Errorf("plan asked %d times", n.Load()-1)
	}
}

// TestWaitThroughACrowd holds that a call waits for a cache-host that is too busy to answer.
func TestWaitThroughACrowd(t *testing.T) {
	t.Parallel()
	for wait, hits := range map[string]bool{"FROMCACHE_WAIT=60": true, "FROMCACHE_WAIT=": false} {
		var n atomic.Int32
		url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) > 2 {
				holds(w, r)
				return
			}
			w.Header().Set("Cache-Status", "fromcache; detail=busy")
			w.Header().Set("Retry-After", "3") // more than FROMCACHE_TIMEOUT
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+url, "FROMCACHE_TIMEOUT=2", wait)
		if hit := strings.Contains(r.stdout, url); hit != hits || hits != (n.Load() > 1) {
			t.Errorf("%s: hit %v, asked %d times", wait, hit, n.Load())
		}
	}
}

// TestWaitInVain holds what a call does that has waited in vain: the origin is asked, or with
// FROMCACHE_ON_TIMEOUT=fail nobody. Where nothing was waited for the origin is asked in any case.
func TestWaitInVain(t *testing.T) {
	t.Parallel()
	queued, busy := "404 detail=queued", "503 detail=busy"
	for _, c := range []struct {
		wait string
		says []string // of the cache, the last one again and again
		why  string   // of the failure; empty: the origin is asked
	}{
		{"60", []string{queued, "404 detail=uri-miss"}, "not held, and the job that this call waited for has failed"},
		{"60", []string{queued, busy, queued, "404 detail=denied"}, "not held, and the job that this call waited for has failed"},
		{"2", []string{busy, queued}, "approved, and the time to wait is over"},
		{"2", []string{busy}, ", and the time to wait is over"},
		{"60", []string{busy, "404 detail=uri-miss"}, ""},
		{"60", []string{"404 detail=uri-miss"}, ""},
	} {
		for on, fails := range map[string]bool{"origin": false, "fail": c.why != ""} {
			for tool, status := range map[string]int{"curl": 28, "wget": 4} {
				t.Run(strings.Join(append(c.says, on, tool), " "), func(t *testing.T) {
					t.Parallel()
					r := shimRun(t, tool+" "+vendorURL, "FROMCACHE_SERVER="+saying(t, c.says),
						"FROMCACHE_TIMEOUT=1", "FROMCACHE_WAIT="+c.wait, "FROMCACHE_ON_TIMEOUT="+on)
					failed := r.status == status && r.stdout == "" && strings.Contains(r.stderr, c.why)
					asked := strings.Contains(r.stdout, vendorURL) && r.stderr == ""
					if failed != fails || asked == fails {
						t.Errorf("%d %q %q", r.status, r.stdout, r.stderr)
					}
				})
			}
		}
	}
}

// saying is a cache that gives one answer after the other, and the last one again and again.
func saying(t *testing.T, answers []string) (url string) {
	var n atomic.Int32
	url, _ = cacheOf(t, func(w http.ResponseWriter, _ *http.Request) {
		status, field, _ := strings.Cut(answers[min(int(n.Add(1)), len(answers))-1], " ")
		w.Header().Set("Cache-Status", "fromcache; fwd=uri-miss; "+field)
		w.Header().Set("Retry-After", "1")
		code, _ := strconv.Atoi(status)
		w.WriteHeader(code)
	})
	return url
}

// TestWaitOfACallWithALimit holds that a call of curl that says how long all may take is over in
// that time, waiting and all, and that the origin has half of it where it is to be asked.
func TestWaitOfACallWithALimit(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	os.WriteFile(home+"/.curlrc", []byte("max-time = 20\n"), 0o644)
	for _, c := range []struct {
		args, env string
		requests  int32
		want      string // a regular expression
		asked     int32  // at least; 0: once
	}{
		{"-m 20 U", "", 1, `^curl\|-m\|1\d\.\d\d\d\|http://127`, 2},
		{"-sm20 -o x U", "", 1, `^curl\|-sm1\d\.\d\d\d\|-o\|x\|http://127`, 2},
		{"--max-time 5 --max-time 20 U", "", 1, `^curl\|--max-time\|5\|--max-time\|1\d\.\d\d\d\|http://127`, 2},
		{"-m 2 U", "", 99, `^curl\|-m\|1.000\|https://vendor`, 1}, // half of it is over
		{"-m 0 U", "", 1, `^curl\|-m\|0\|http://127`, 2},
		{"-m 1 U", "", 99, `^curl\|-m\|0.500\|https://vendor`, 1},
		{"-m 0.5 U", "FROMCACHE_ON_TIMEOUT=fail", 99, `^$`, 1},
		{"-m x U", "", 99, `^curl\|-m\|x\|https://vendor`, 0},
		{"-m 20 U", "FROMCACHE_WAIT=", 99, `^curl\|-m\|20\|https://vendor`, 0},
		{"U", "HOME=" + home, 99, `^curl\|https://vendor`, 0},
		{"-q U", "HOME=" + home, 1, `^curl\|-q\|http://127`, 2},
	} {
		url, n := fetching(t, c.requests, "detail=active")
		r := shimRun(t, "curl "+strings.ReplaceAll(c.args, "U", vendorURL), "FROMCACHE_SERVER="+url, "FROMCACHE_WAIT=60", c.env)
		if !regexp.MustCompile(c.want).MatchString(r.stdout) || n.Load() < c.asked || c.asked == 0 && n.Load() != 1 {
			t.Errorf("%s %s: asked %d times: %s", c.args, c.env, n.Load(), r.stdout)
		}
		if failed := strings.Contains(c.env, "fail"); failed != (r.status == 28) {
			t.Errorf("%s %s: status %d", c.args, c.env, r.status)
		}
	}
}

// TestWaitThroughAnOutage holds that a cache that gives no answer for a while is waited for.
func TestWaitThroughAnOutage(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			w.Header().Set("Cache-Status", "fromcache; detail=queued")
			w.Header().Set("Retry-After", "1")
			http.NotFound(w, r)
		case 2:
			http.Error(w, "the cache-host restarts", http.StatusBadGateway)
		default:
			holds(w, r)
		}
	})
	if r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+url, "FROMCACHE_WAIT=60"); !strings.Contains(r.stdout, url) {
		t.Errorf("%q %q", r.stdout, r.stderr)
	}
}

// TestWaitEndsBySignals holds that a call that waits is ended by the signals by which its tool is.
func TestWaitEndsBySignals(t *testing.T) {
	t.Parallel()
	silent, asked := rawCache(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	for _, c := range []struct {
		tool   string
		signal syscall.Signal
	}{
		{"curl", syscall.SIGALRM}, {"curl", syscall.SIGUSR1}, {"curl", syscall.SIGUSR2}, {"curl", syscall.SIGQUIT},
		{"curl", syscall.SIGTERM}, {"curl", syscall.SIGINT}, {"curl", syscall.SIGHUP}, {"wget", syscall.SIGALRM},
	} {
		if signal.Ignored(c.signal) { // by nohup, for instance
			continue
		}
		before := asked.Load()
		cmd := exec.Command(tools+"/"+c.tool, vendorURL)
		var errs bytes.Buffer
		cmd.Dir, cmd.Stderr = t.TempDir(), &errs // of a core, if any
		cmd.Env = append(slices.Clone(patient), "FROMCACHE_SERVER="+silent, "PATH="+fake(t, "curl", "wget"), "TMPDIR="+t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for asked.Load() == before {
			time.Sleep(time.Millisecond)
		}
		cmd.Process.Signal(c.signal)
		cmd.Wait()
		if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != c.signal || errs.Len() > 0 {
			t.Errorf("%s, %v: %v %.200q", c.tool, c.signal, cmd.ProcessState, &errs)
		}
	}
}

// TestWaitIsNotForTheBackground holds that wget -b goes to the background at once.
func TestWaitIsNotForTheBackground(t *testing.T) {
	t.Parallel()
	for args, asked := range map[string]int32{"-b": 1, "-qb": 1, "--background": 1, "-b --no-background": 2} {
		url, n := fetching(t, 1, "detail=queued")
		if shimRun(t, "wget "+args+" "+vendorURL, "FROMCACHE_SERVER="+url, "FROMCACHE_WAIT=60"); n.Load() != asked {
			t.Errorf("wget %s: asked %d times", args, n.Load())
		}
	}
}

// TestDoctorKnowsTimes holds what doctor says of times that can't be used, and of the waiting.
func TestDoctorKnowsTimes(t *testing.T) {
	t.Parallel()
	url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		}
	})
	front := "export PATH=" + tools + ":$PATH FROMCACHE_SERVER=" + url + "; "
	for _, c := range []struct {
		set    string
		status int
		say    string
	}{
		{"FROMCACHE_WAIT=10m", 0, "note  calls wait up to 10m0s for what is approved; then the origin is asked"},
		{"FROMCACHE_WAIT=90 FROMCACHE_ON_TIMEOUT=fail", 0, "note  calls wait up to 1m30s for what is approved; then they fail"},
		{"FROMCACHE_WAIT=-5", 1, "wrong FROMCACHE_WAIT=-5 is no time, as 30, 0.5 or 10m is"},
		{"FROMCACHE_TIMEOUT=2sec", 1, "wrong FROMCACHE_TIMEOUT=2sec is no time"},
		{"FROMCACHE_ON_TIMEOUT=error", 1, "wrong FROMCACHE_ON_TIMEOUT=error is neither origin nor fail"},
		{"FROMCACHE_ON_TIMEOUT=fail", 1, "wrong FROMCACHE_ON_TIMEOUT=fail does nothing without FROMCACHE_WAIT"},
		{"FROMCACHE_WAIT= FROMCACHE_ON_TIMEOUT=origin", 0, "!wait up to"},
		{"FROMCACHE_WAIT=0", 0, "!wait up to"},
	} {
		want(t, t.TempDir(), front+fmt.Sprintf("%s $S doctor", c.set), c.status, c.say)
	}
}
