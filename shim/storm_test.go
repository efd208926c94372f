package shim_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stampsOf returns the texts of the stamps below a directory of calls, and their paths.
func stampsOf(t *testing.T, tmp string) (texts, paths []string) {
	paths, _ = filepath.Glob(fmt.Sprintf("%s/fromcache-%d/fromcache-down-*", tmp, os.Geteuid()))
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	return texts, paths
}

// freshen makes the stamps of calls as old as if they had ended now: a busy machine may take seconds
// for a call.
func freshen(t *testing.T, tmp string) {
	_, paths := stampsOf(t, tmp)
	for _, p := range paths {
		now := time.Now()
		os.Chtimes(p, now, now)
	}
}

// storm is one call of curl in a directory of its own for stamps.
func storm(t *testing.T, tmp, server string, env ...string) result {
	return shimRun(t, "curl "+vendorURL, append([]string{"FROMCACHE_SERVER=" + server, "TMPDIR=" + tmp, "FROMCACHE_VERBOSE=1"}, env...)...)
}

// TestEmptyStamp holds that a stamp that another call is writing, or could not on a full disk, does
// not keep a call from asking.
func TestEmptyStamp(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	gone, _ := rawCache(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n") })
	for _, empty := range []bool{false, true} {
		r := storm(t, tmp, gone)
		if strings.Contains(r.stderr, "a moment ago") {
			t.Errorf("%v: %q", empty, r.stderr)
		}
		_, paths := stampsOf(t, tmp)
		if len(paths) != 1 || os.Truncate(paths[0], 0) != nil {
			t.Fatal(paths)
		}
	}
}

// TestTimeoutIsNotDown holds that a cache that loses a request is asked again within the time of the
// call, and that it leaves no stamp then.
func TestTimeoutIsNotDown(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	addr, _ := rawCache(t, func(c net.Conn) {
		if n.Add(1) < 2 {
			io.Copy(io.Discard, c)
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Fromcache-Sha256: %s\r\n\r\n", aDigest)
	})
	tmp := t.TempDir()
	if r := storm(t, tmp, addr); !strings.Contains(r.stdout, addr+"/b/") {
		t.Errorf("%q %q", r.stdout, r.stderr)
	}
	if texts, _ := stampsOf(t, tmp); len(texts) != 0 || n.Load() != 2 {
		t.Errorf("stamps %q, asked %d times", texts, n.Load())
	}
}

// TestSwallowed holds that a cache whose queue of connections is full, or whose host is gone, costs
// one call the time for the connection, in which several are begun; that the next calls do not ask
// it; that the times for which it is not asked double up to half a minute; and that a call after
// such a time asks once, and in a fraction of the time.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	addr, tmp := swallowing(t), t.TempDir()
	for i, lifetime := range []int{2, 4, 8, 16, 30, 30} {
		start := time.Now()
		if r := storm(t, tmp, addr, "FROMCACHE_CONNECT_TIMEOUT=2"); !strings.Contains(r.stdout, "curl|"+vendorURL) || !strings.Contains(r.stderr, "can't be reached in time") {
			t.Fatalf("%d: %q %q", i, r.stdout, r.stderr)
		}
		t.Logf("call %d took %v", i, time.Since(start))
		texts, paths := stampsOf(t, tmp)
		if len(texts) != 1 || texts[0] != fmt.Sprintf("the cache did not answer in time\n%d", i+3) {
			t.Fatalf("%d: %q", i, texts)
		}
		age := func(d time.Duration) {
			if err := os.Chtimes(paths[0], time.Now().Add(-d), time.Now().Add(-d)); err != nil {
				t.Fatal(err)
			}
		}
		age(max(0, time.Duration(lifetime)*time.Second/2-time.Second)) // longer than the one before
		if r := storm(t, tmp, addr); !strings.Contains(r.stderr, "was down a moment ago: the cache did not answer in time)") {
			t.Errorf("%d: %q", i, r.stderr)
		}
		if i == 5 {
			want(t, tmp, "export TMPDIR="+tmp+" FROMCACHE_SERVER="+addr+" FROMCACHE_CONNECT_TIMEOUT=0.1; $S doctor", 1,
				"note  calls do not ask cache http://"+addr+" now: the cache was down", ", 8 times in a row. They do in", " s, or once "+paths[0]+" is removed")
		}
		age(time.Duration(lifetime) * time.Second)
	}
}

// TestStampEnds holds that an answer ends what time-outs began, and that a refusal is no time-out.
func TestStampEnds(t *testing.T) {
	t.Parallel()
	url, _ := cacheOf(t, http.NotFound)
	tmp := t.TempDir()
	storm(t, tmp, "127.0.0.1:1")
	texts, paths := stampsOf(t, tmp)
	if len(texts) != 1 || texts[0] != "the cache can't be reached" {
		t.Fatalf("%q", texts)
	}
	os.Remove(paths[0])
	mine := strings.Replace(paths[0], "http___127.0.0.1_1", strings.NewReplacer(":", "_", "/", "_").Replace(url), 1)
	for _, n := range []int{1, 2, 3, 7} {
		os.WriteFile(mine, fmt.Appendf(nil, "the cache did not answer in time\n%d", n), 0o600)
		old := time.Now().Add(-31 * time.Second)
		if n < 3 {
			old = time.Now() // so few are no reason not to ask
		}
		os.Chtimes(mine, old, old)
		if r := storm(t, tmp, url); !strings.Contains(r.stderr, "not held") {
			t.Errorf("%d: %q", n, r.stderr)
		}
		if texts, _ := stampsOf(t, tmp); len(texts) != 0 {
			t.Errorf("%d: %q", n, texts)
		}
	}
}

// TestBusy holds that a cache that says for how long it is busy is asked again where the time for
// its answer allows that, and that it is not down.
func TestBusy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after   string
		busy    int32 // so many times
		timeout string
		asked   int32
		hit     bool
	}{
		{"1", 1, "15", 2, true},
		{"0", 3, "15", 4, true},
		{"1", 99, "2", 2, false},
		{"60", 1, "15", 1, false},
		{"", 1, "15", 1, false},
		{"Fri, 31 Dec 1999 23:59:59 GMT", 1, "15", 1, false},
	} {
		var n atomic.Int32
		url, asked := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
			i := n.Add(1)
			if i > 1 {
				time.Sleep(40 * time.Millisecond) // longer than the shim waits without the poller
			}
			if i > c.busy {
				holds(w, r)
				return
			}
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		tmp := t.TempDir()
		r := storm(t, tmp, url, "FROMCACHE_TIMEOUT="+c.timeout)
		if hit := strings.Contains(r.stdout, url+"/b/"); hit != c.hit || asked.Load() > c.asked || c.timeout != "2" && asked.Load() != c.asked {
			t.Errorf("%+v: asked %d times, %q", c, asked.Load(), r.stderr)
		}
		if texts, _ := stampsOf(t, tmp); len(texts) != 0 {
			t.Errorf("%+v: %q", c, texts)
		}
	}
}

// TestTurns holds that of several caches each is asked first about its share of the URLs, whatever
// their order; that one of them notes the miss, also where the first fails; and that one which is
// slow costs one call the time until the next is asked, and then comes last.
func TestTurns(t *testing.T) {
	t.Parallel()
	var log sync.Map // by port: what was asked of it last
	caching := func(w http.ResponseWriter, r *http.Request) {
		log.Store("http://"+r.Host, r.Header.Get("Cache-Control"))
		http.NotFound(w, r)
	}
	var caches []string
	for range 3 {
		url, _ := cacheOf(t, caching)
		caches = append(caches, url)
	}
	first := map[string]int{}
	for i := range 12 {
		list := strings.Join(append(slices.Clone(caches[i%3:]), caches[:i%3]...), ",")
		seen := ""
		for range 2 {
			log.Clear()
			shimRun(t, fmt.Sprintf("curl https://vendor.example/%d", i), "FROMCACHE_SERVER="+list)
			noted := ""
			for _, c := range caches {
				switch asked, _ := log.Load(c); asked {
				case "":
					noted += c
				case "only-if-cached":
				default:
					t.Errorf("%s: asked %v", c, asked)
				}
			}
			if strings.Count(noted, "http") != 1 || seen != "" && noted != seen {
				t.Errorf("noted by %q, before by %q", noted, seen)
			}
			seen, list = noted, strings.Join(caches, " ")
		}
		first[seen]++
	}
	if len(first) == 1 { // by chance once in 177,147 times
		t.Errorf("all ask first: %v", first)
	}
	for i := range 8 { // of which some ask first what is down
		log.Clear()
		shimRun(t, fmt.Sprintf("curl https://vendor.example/%d", i), "FROMCACHE_SERVER="+caches[0]+" 127.0.0.1:1")
		if asked, ok := log.Load(caches[0]); !ok || asked != "" {
			t.Errorf("beside one that is down: %q %v", asked, ok)
		}
	}
}

// TestOvertaken holds that a cache that does not answer is not waited for by each call where another
// holds the URL.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	hanging, asked := rawCache(t, hang)
	held, _ := cacheOf(t, holds)
	tmp := t.TempDir()
	for i := range 20 {
		r := shimRun(t, fmt.Sprintf("curl https://vendor.example/%d", i), "FROMCACHE_SERVER="+hanging+","+held, "TMPDIR="+tmp)
		if !strings.Contains(r.stdout, held+"/b/") {
			t.Fatalf("%q", r.stdout)
		}
		texts, _ := stampsOf(t, tmp)
		if len(texts) > 0 {
			if asked.Load() == 0 || len(texts) != 1 || texts[0] != "the cache did not answer in time\n1" {
				t.Errorf("call %d: asked %d times, %q", i, asked.Load(), texts)
			}
			return // package probe holds that it comes last now
		}
	}
	t.Error("no call asked first the one that does not answer")
}

// TestTurnsByTool holds that the real tool, where it asks, has the miss noted by one cache, too.
func TestTurnsByTool(t *testing.T) {
	t.Parallel()
	for tool, says := range map[string]string{"curl": "printf 'HTTP/1.1 404 No\\n\\n'", "wget": "printf '  HTTP/1.1 404 No\\n\\n' >&2; exit 8"} {
		log := t.TempDir() + "/log"
		dir := place(t, tool, script("#!/bin/sh\ncase \"$*\" in *+fromcache-shim*) echo \"$*\" >>"+log+"; "+says+"; exit;; esac\necho \"$@\"\n"))
		r := run(t, tool+" "+vendorURL, []string{"PATH=" + tools + ":" + dir + ":/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "HOME=/nonexistent",
			"FROMCACHE_SERVER=https://a.example https://b.example https://c.example", "FROMCACHE_VERBOSE=1"})
		asked, _ := os.ReadFile(log)
		if strings.Count(string(asked), "\n") != 3 || strings.Count(string(asked), " Cache-Control: only-if-cached ") != 2 || !strings.Contains(r.stderr, "not held") {
			t.Errorf("%s: %s\n%s", tool, asked, r.stderr)
		}
	}
}
