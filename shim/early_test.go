package shim_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestChainsUnasked holds that what runs before Go finds the real tool as Go does: where no cache
// is set, and where one is set but Go can't start.
func TestChainsUnasked(t *testing.T) {
	missing, asked := cacheOf(t, http.NotFound)
	list, a, real := chains(t, missing)
	for _, way := range []struct {
		name string
		run  []string
		env  []string
	}{
		{"no cache", nil, nil},
		{"no room", []string{"prlimit", "--as=200000000"}, []string{"FROMCACHE_SERVER=" + missing}},
	} {
		if way.run != nil && withoutEarly != "" {
			t.Skip(withoutEarly)
		}
		for _, c := range list {
			first := a
			if strings.HasPrefix(c.path, real) {
				first = real
			}
			words := append(way.run, first+"/curl", vendorURL)
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Env = append([]string{"PATH=" + c.path}, way.env...)
			for _, kv := range strings.Split(c.env, "\n") {
				if !strings.HasPrefix(kv, "FROMCACHE_CURL_SERVER=") {
					cmd.Env = append(cmd.Env, kv)
				}
			}
			var errs strings.Builder
			cmd.Stderr = &errs
			out, _ := cmd.Output()
			got, want := strings.ReplaceAll(string(out), vendorURL, "U"), strings.ReplaceAll(c.want, "C", "U")
			if !strings.HasPrefix(got, want) || cmd.ProcessState.ExitCode() != c.status {
				t.Errorf("%s, %s: %q, status %d, %q, want %q", way.name, c.name, got, cmd.ProcessState.ExitCode(), errs.String(), want)
			}
			if c.status == 127 && (!strings.Contains(errs.String(), "no real curl on PATH, nor in ") || strings.Count(errs.String(), "\n") != 1) {
				t.Errorf("%s, %s: %q", way.name, c.name, errs.String())
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// limits are such as batch systems set, down to those at which the tools themselves end.
func limits() (list []string) {
	for option, values := range map[string][]int{
		"as": {60e6, 100e6, 200e6, 400e6, 600e6, 700e6, 800e6, 1e9, 1.1e9, 1.15e9, 1.2e9, 1.25e9, 1.3e9, 2e9, 4e9}, "data": {1e6, 4e6, 16e6, 40e6, 64e6, 80e6, 200e6},
		"nofile": {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16}, "stack": {32 << 10, 64 << 10, 256 << 10, 1 << 20}, "nproc": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16},
	} {
		for _, v := range values {
			list = append(list, fmt.Sprintf("prlimit --%s=%d ", option, v))
		}
	}
	return list
}

// TestLimits holds that under no limit a traceback comes instead of the download: what the real
// tool can do, it does.
func TestLimits(t *testing.T) {
	if withoutEarly != "" {
		t.Skip(withoutEarly)
	}
	w := newWorld(t)
	for i, limit := range limits() {
		if strings.Contains(limit, "nproc") && os.Geteuid() == 0 { // who is not limited, and has processes
			limit = fmt.Sprintf("setpriv --reuid=%d --clear-groups ", 54000+i) + limit
		}
		for _, call := range []string{"curl -sS ", "wget -q -t1 -O- "} {
			command := "exec " + limit + call + w.origin.URL + "/limits/dir/a.bin"
			direct := run(t, command, w.env(t.TempDir(), realPath()))
			shim := run(t, command, w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL))
			if d := differ(direct, shim); d != "" || strings.Contains(shim.stderr, "goroutine") || strings.Contains(shim.stderr, "runtime") {
				t.Errorf("%s\n%s%.300s", command, d, shim.stderr)
			}
		}
	}
	if w.count("cache", "limits") == 0 {
		t.Error("nothing came from the cache, though some limits leave room")
	}
}

// TestNoRoomIsSaid holds the line of FROMCACHE_VERBOSE where Go can't start.
func TestNoRoomIsSaid(t *testing.T) {
	if withoutEarly != "" {
		t.Skip(withoutEarly)
	}
	r := shimRun(t, "prlimit --as=200000000 curl "+vendorURL+"; prlimit --data=8000000 wget "+vendorURL, "FROMCACHE_SERVER=http://127.0.0.1:1", "FROMCACHE_VERBOSE=1")
	want := "fromcache: curl: pass: the limits of this process are too low to ask\nfromcache: wget: pass: the limits of this process are too low to ask\n"
	if r.stderr != want || !strings.Contains(r.stdout, "curl|"+vendorURL) {
		t.Errorf("%q %q", r.stdout, r.stderr)
	}
}

// TestClosedStreams holds that the real tool finds standard output and error closed where they
// were.
func TestClosedStreams(t *testing.T) {
	if withoutEarly != "" {
		t.Skip(withoutEarly)
	}
	w := newWorld(t)
	for _, call := range []string{"curl -s U >&-", "wget -qO x U 2>&-", "curl -sS -o x U <&- >&- 2>&-"} {
		command := strings.ReplaceAll(call, "U", w.origin.URL+"/closed/dir/a.bin") + "; echo $?"
		direct := run(t, command, w.env(t.TempDir(), realPath()))
		shim := run(t, command, w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL))
		if d := differ(direct, shim); d != "" {
			t.Errorf("%s\n%s%.300s", command, d, shim.stderr)
		}
	}
	r := shimRun(t, "curl "+vendorURL+" >&-", "FROMCACHE_SERVER=http://127.0.0.1:1", "FROMCACHE_VERBOSE=1")
	if want := "fromcache: curl: pass: standard output or error is closed\n"; !strings.HasPrefix(r.stderr, want) {
		t.Errorf("%q, want %q", r.stderr, want)
	}
}

// TestVariablesOfGo holds that what the environment says to programs in Go neither ends a call nor
// is kept from the real tool, which gets no other variable than FROMCACHE_TRIED.
func TestVariablesOfGo(t *testing.T) {
	if withoutEarly != "" {
		t.Skip(withoutEarly)
	}
	w := newWorld(t)
	for _, kv := range []string{"GOMEMLIMIT=4G", "GOMEMLIMIT=1", "GODEBUG=cgocheck=2", "GODEBUG=inittrace=1", "GOMAXPROCS=2147483647", "GOGC=1", "GOTRACEBACK=crash"} {
		url := w.origin.URL + "/variables/dir/a.bin"
		r := run(t, "curl -sS -o x "+url+" && wget -q -O y "+url+" && cmp x y", w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+w.cache.URL, kv))
		if r.status != 0 || r.stderr != "" {
			t.Errorf("%s: status %d, %.300q", kv, r.status, r.stderr)
		}
		for _, server := range []string{"FROMCACHE_SERVER=http://127.0.0.1:1", "FROMCACHE_SERVER="} {
			cmd := exec.Command(tools + "/curl")
			cmd.Env = []string{"PATH=" + realPath(), "REAL_CURL=/usr/bin/env", kv, server}
			want := strings.Join(cmd.Env, "\n") + "\nFROMCACHE_TRIED="
			out, err := cmd.CombinedOutput()
			if rest, ok := strings.CutPrefix(string(out), want); err != nil || !ok || strings.Count(rest, "\n") != 1 {
				t.Errorf("%s, %s: the real tool got %q %v", kv, server, out, err)
			}
		}
	}
	if w.count("origin", "variables") != 0 {
		t.Error("a variable of Go's cost the hit")
	}
}

// TestManyWords holds that arguments and variables come through Go to the real tool whole, however
// many there are.
func TestManyWords(t *testing.T) {
	missing, asked := cacheOf(t, http.NotFound)
	dir := place(t, "curl", script("#!/bin/sh\necho $# \"$*\" | cksum; env | grep -v -e ^FROMCACHE_TRIED= -e ^_= | sort | cksum\n"))
	counts := []int{0, 1, 2, 3, 1000, 3900, 4100}
	for _, n := range counts {
		env, args := []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=/nonexistent", "TMPDIR=" + t.TempDir(), "FROMCACHE_SERVER=" + missing}, []string{vendorURL}
		env = append(env, patient...)
		for i := range n {
			env = append(env, fmt.Sprintf("V%d=%d", i, i))
			args = append(args, "-A", fmt.Sprint("agent-", i))
		}
		var got [2]string
		for i, path := range []string{dir, tools} {
			cmd := exec.Command(path+"/curl", args...)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if got[i] = string(out); err != nil {
				t.Error(err)
			}
		}
		if got[0] != got[1] {
			t.Errorf("%d more: %q, through the shim %q", n, got[0], got[1])
		}
	}
	if int(asked.Load()) != len(counts) {
		t.Errorf("asked %d times", asked.Load())
	}
}
