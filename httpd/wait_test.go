package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/nginxtest"
)

// retryAfter asks for what is not held, and returns what the answer says.
func (w *world) retryAfter(rawURL string) (seconds int, detail string) {
	w.t.Helper()
	resp, err := http.Head(w.url("/b/" + token(rawURL) + "/x"))
	w.must(err)
	if resp.StatusCode != http.StatusNotFound {
		w.t.Errorf("%s: %s", rawURL, resp.Status)
	}
	seconds, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	return seconds, resp.Header.Get("Cache-Status")
}

// A client is told to ask again when the download will be there, if that is known: half of it came
// within 20 s.
func TestRetryAfterIsTheTimeLeft(t *testing.T) {
	t.Parallel()
	const queued, active, long, noted = "https://vendor.example/queued", "https://vendor.example/active",
		"https://vendor.example/long", "https://vendor.example/noted"
	w := newWorld(t, Options{})
	_, err := w.store.Add(fsstore.Addition{URL: queued}, operator)
	w.must(err)
	for url, size := range map[string]int{active: 2000, long: 1_000_000} {
		c := w.claim(url)
		p, err := c.Part(t.Context(), false)
		w.must(err)
		_, err = p.Write(make([]byte, 1000))
		w.must(err)
		began := time.Now().Add(-20 * time.Second).UTC().Format(time.RFC3339)
		w.append("active/"+w.store.FindActiveByKey(c.Key), fmt.Sprintf("%s start %d - host 1\n", began, size))
	}
	for url, want := range map[string][2]int{noted: {0, 0}, queued: {2, 2}, active: {15, 22}, long: {60, 60}} {
		if got, detail := w.retryAfter(url); got < want[0] || got > want[1] {
			t.Errorf("%s: %d s, want %v (%s)", url, got, want, detail)
		}
	}
}

const coming = "https://vendor.example/coming.bin"

// curlWaits starts curl, which asks for an artifact with Prefer: wait, and returns what it prints:
// the header and the body, and after a line break the seconds that it took.
func curlWaits(t *testing.T, url, prefer string, more ...string) (printed func() (text string, took float64)) {
	t.Helper()
	args := append([]string{"-sSi", "-H", "Prefer: " + prefer, "-w", "\n%{time_total}", url}, more...)
	c := exec.Command("curl", args...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return func() (string, float64) {
		t.Helper()
		if err := c.Wait(); err != nil {
			t.Errorf("curl: %v: %s", err, out.String())
		}
		i := strings.LastIndexByte(out.String(), '\n')
		took, _ := strconv.ParseFloat(out.String()[i+1:], 64)
		return out.String()[:i], took
	}
}

// untilHeld waits until so many requests are held.
func (w *world) untilHeld(n int) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); w.srv.read.Crowd().Held() != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d requests are held, not %d", w.srv.read.Crowd().Held(), n)
		}
	}
}

// A request that prefers to wait is answered with the bytes as soon as they are held, straight or
// through nginx, over HTTP/1.1, HTTP/2 and TLS, also if its connection would count as stalled by
// then.
func TestWaitUntilHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{StallTimeout: 200 * time.Millisecond, HeaderTimeout: time.Second})
	proxied, _ := nginxtest.Start(t, w.addr, helpNginx(t))
	c := w.claim(coming)
	path := "/b/" + token(coming) + "/x"
	get := curlWaits(t, w.url(path), "wait=20")
	head := curlWaits(t, w.url(path), "foo, Wait=20", "--head")
	query := curlWaits(t, w.url("/blob?url="+coming), "wait=20")
	door := curlWaits(t, w.url("/"+coming), "wait=20")
	through := curlWaits(t, "http://"+proxied+path, "wait=20")
	w.untilHeld(5)
	time.Sleep(1500 * time.Millisecond) // more than the time-outs
	w.untilHeld(5)
	w.publish(c, []byte("the bytes"), fsstore.Origin{})
	for name, printed := range map[string]func() (string, float64){
		"get": get, "head": head, "query": query, "door": door, "nginx": through,
	} {
		text, took := printed()
		if !strings.HasPrefix(text, "HTTP/1.1 200 ") || strings.HasSuffix(text, "the bytes") != (name != "head") ||
			name != "nginx" && !strings.Contains(text, "Preference-Applied: wait=20\r\n") || took < 1.5 || took > 15 {
			t.Errorf("%s, after %.1f s: %s", name, took, text)
		}
	}
	w.untilHeld(0)
}

func TestWaitUntilHeldOverTLS(t *testing.T) {
	t.Parallel()
	w, client := newTLSWorld(t, Options{StallTimeout: 200 * time.Millisecond, HeaderTimeout: time.Second})
	c := w.claim(coming)
	url := "https://" + w.addr + "/b/" + token(coming) + "/x"
	old := curlWaits(t, url, "wait=20", "--insecure", "--http1.1")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			r.Header.Set("Prefer", "wait=20")
			resp, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if b, _ := io.ReadAll(resp.Body); resp.ProtoMajor != 2 || resp.StatusCode != 200 || string(b) != "the bytes" {
				t.Errorf("%s %s %q", resp.Proto, resp.Status, b)
			}
		})
	}
	gone := exec.CommandContext(t.Context(), "curl", "-sk", "-H", "Prefer: wait=20", url)
	w.must(gone.Start())
	w.untilHeld(5)
	w.must(gone.Process.Kill())
	w.untilHeld(4)
	time.Sleep(1500 * time.Millisecond)
	w.untilHeld(4)
	w.publish(c, []byte("the bytes"), fsstore.Origin{})
	all.Wait()
	if text, _ := old(); !strings.Contains(text, "HTTP/1.1 200 ") || !strings.HasSuffix(text, "the bytes") {
		t.Errorf("HTTP/1.1 over TLS: %s", text)
	}
	gone.Wait() //nolint:errcheck // it was killed
}

// The wait is over after the seconds that were preferred, and the connection goes on, with what was
// sent behind the request.
func TestWaitForAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.claim(coming)
	w.putIn("https://vendor.example/held.bin", "held")
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer c.Close()
	began := time.Now()
	_, err = fmt.Fprintf(c, "HEAD /b/%s/x HTTP/1.1\r\nHost: x\r\nPrefer: wait=1\r\n\r\n", token(coming))
	w.must(err)
	w.untilHeld(1)
	_, err = fmt.Fprintf(c, "GET /b/%s/x HTTP/1.1\r\nHost: x\r\n\r\n", token("https://vendor.example/held.bin"))
	w.must(err)
	r := bufio.NewReader(c)
	resp, _ := answerOf(w, r, "HEAD")
	if took := time.Since(began); resp.StatusCode != 404 || took < time.Second || took > 10*time.Second ||
		resp.Header.Get("Preference-Applied") != "wait=1" || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("after %v: %s %v", took, resp.Status, resp.Header)
	}
	if resp, body := answerOf(w, r, "GET"); resp.StatusCode != 200 || body != "held" {
		t.Errorf("the next request: %s %q", resp.Status, body)
	}
}

// What is not approved is answered at once, and so is what is denied or cancelled while a client
// waits.
func TestOnlyWhatIsApprovedIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	path := "/b/" + token(coming) + "/x"
	noted := curlWaits(t, w.url(path), "wait=20")
	if text, took := noted(); !strings.Contains(text, "detail=uri-miss\r\n") || took > 5 ||
		strings.Contains(text, "Preference-Applied") || strings.Contains(text, "Retry-After") {
		t.Errorf("a miss, after %.1f s: %s", took, text)
	}
	k := w.files("misses")
	if k != 1 {
		t.Fatalf("%d misses", k)
	}
	w.must(w.store.Approve(keyOf(w, coming), "", operator))
	queued := curlWaits(t, w.url(path), "wait=20")
	w.untilHeld(1)
	w.must(w.store.Cancel(keyOf(w, coming)+".job", operator))
	if text, took := queued(); !strings.Contains(text, "detail=uri-miss\r\n") || took > 10 || strings.Contains(text, "Retry-After") {
		t.Errorf("cancelled, after %.1f s: %s", took, text)
	}
}

// Who is one too many is answered at once, and told when to ask again.
func TestHeldRequestsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{MaxHeld: 2})
	w.claim(coming)
	url := w.url("/b/" + token(coming) + "/x")
	var held []*exec.Cmd
	for range 2 {
		c := exec.Command("curl", "-s", "-H", "Prefer: wait=20", url)
		w.must(c.Start())
		held = append(held, c)
	}
	w.untilHeld(2)
	if text, took := curlWaits(t, url, "wait=20")(); took > 5 || strings.Contains(text, "Preference-Applied") ||
		!strings.Contains(text, "Retry-After: 2\r\n") {
		t.Errorf("the third, after %.1f s: %s", took, text)
	}
	for i, c := range held { // who hangs up makes room
		w.must(c.Process.Kill())
		c.Wait() //nolint:errcheck // it was killed
		w.untilHeld(1 - i)
	}
}

// A restart waits for nobody who waits.
func TestTheEndOfTheServerEndsWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.claim(coming)
	held := curlWaits(t, w.url("/b/"+token(coming)+"/x"), "wait=50")
	w.untilHeld(1)
	w.stop()
	if text, took := held(); took > 10 || !strings.Contains(text, "detail=active\r\n") || !strings.Contains(text, "Retry-After: 2\r\n") {
		t.Errorf("after %.1f s: %s", took, text)
	}
}
