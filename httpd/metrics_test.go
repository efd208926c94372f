package httpd

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// scrape returns the page of metrics, without its comments.
func (w *world) scrape() string {
	w.t.Helper()
	resp, err := http.Get(w.url("/metrics"))
	w.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("/metrics: %s", resp.Status)
	}
	return string(b)
}

// ask sends a request with header fields, and reads the answer.
func (w *world) ask(method, path string, fields ...string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url(path), nil)
	w.must(err)
	req.Header.Set("User-Agent", "curl/8.5.0 (secret-agent)")
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	w.must(err)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// kinds asks for one thing of each kind.
func (w *world) kinds() (held *fsstore.Artifact) {
	w.t.Helper()
	body := strings.Repeat("x", 5000)
	const origin = "https://vendor.example/held.bin?sig=c4n4ry"
	held = w.hold(origin, []byte(body), fsstore.Origin{Ranges: true})
	w.must(w.store.Deny("ads.example", operator))
	path := "/b/" + token(origin) + "/held.bin"
	w.ask("HEAD", path)
	w.ask("GET", path)
	w.ask("GET", path, "Range", "bytes=0-99")
	w.ask("GET", path, "Range", "bytes=100-199")
	w.ask("GET", path, "Range", "bytes=9000-")
	w.ask("GET", path, "If-None-Match", `"`+held.SHA256+`"`)
	w.ask("GET", path, "If-Match", `"other"`)
	w.ask("GET", "/by-hash/sha256/"+held.SHA256)
	w.ask("GET", "/by-hash/sha256/"+strings.Repeat("0", 64))
	w.ask("GET", "/blob?url="+url.QueryEscape("https://vendor.example/miss.bin?X-Amz-Signature=c4n4ry"))
	w.ask("HEAD", "/m/https/vendor.example/miss.bin?X-Amz-Signature=c4n4ry")
	w.ask("GET", "/https://ads.example/x.bin?token=c4n4ry")
	w.ask("GET", "/b/!!")
	w.ask("GET", "/")
	w.ask("POST", "/blob?password=c4n4ry")
	w.ask("GET", "/nowhere?cookie=c4n4ry", "Cookie", "a=c4n4ry")
	return held
}

func TestMetricsCountRequests(t *testing.T) {
	w := newWorld(t, Options{Version: "1.2.3"})
	w.kinds()
	page := w.scrape()
	for _, line := range []string{
		`fromcache_requests_total{method="HEAD",result="hit"} 1`,
		`fromcache_requests_total{method="GET",result="hit"} 2`,
		`fromcache_requests_total{method="GET",result="part"} 1`,
		`fromcache_requests_total{method="GET",result="not_modified"} 1`,
		`fromcache_requests_total{method="GET",result="digest"} 1`,
		`fromcache_requests_total{method="GET",result="absent"} 2`,
		`fromcache_requests_total{method="GET",result="miss"} 1`,
		`fromcache_requests_total{method="HEAD",result="miss"} 1`,
		`fromcache_requests_total{method="GET",result="denied"} 1`,
		`fromcache_requests_total{method="GET",result="refused"} 3`,
		`fromcache_requests_total{method="GET",result="page"} 1`,
		`fromcache_requests_total{method="other",result="refused"} 1`,
		`fromcache_served_bytes_total 10200`,
		`fromcache_artifacts 1`,
		`fromcache_held_bytes 5000`,
		`fromcache_jobs{state="misses"} 1`,
		`fromcache_jobs{state="done"} 1`,
		`fromcache_jobs{state="denied"} 1`,
		`fromcache_fetched_bytes_total 5000`,
		`fromcache_health_troubles{grave="true"} 0`,
		`fromcache_request_duration_seconds_count{method="HEAD"} 2`,
		`fromcache_build_info{goversion=`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("no line %s", line)
		}
	}
	for _, secret := range []string{"c4n4ry", "vendor.example", "127.0.0.1", "ads.example"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page has %q", secret)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// TestMetricsOfTroubles: the page says what is wrong with the data directory.
func TestMetricsOfTroubles(t *testing.T) {
	w := newWorld(t, Options{})
	w.store.SetTrouble("watch misses", "no watch", io.ErrUnexpectedEOF)
	page := w.scrape()
	for _, line := range []string{`fromcache_health_trouble{kind="watch"} 1`, `fromcache_health_troubles{grave="false"} 1`} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("no line %s in\n%s", line, page)
		}
	}
}

func TestMetricsApart(t *testing.T) {
	w := newWorld(t, Options{MetricsApart: true})
	resp, err := http.Get(w.url("/metrics"))
	w.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics on the port of the pages: %s", resp.Status)
	}
}

// TestAccessLog: each request has one line, which says what became of it and tells no secret.
func TestAccessLog(t *testing.T) {
	log := &syncBuffer{}
	w := newWorld(t, Options{AccessLog: slog.New(slog.NewTextHandler(log, nil))})
	held := w.kinds()
	w.ask("GET", "/healthz")
	w.scrape()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 16 {
		t.Errorf("%d lines, want 16: a probe of monitoring is one of level debug", len(lines))
	}
	miss, err := w.store.Parse("https://vendor.example/miss.bin?X-Amz-Signature=c4n4ry")
	w.must(err)
	for i, want := range map[int]string{
		0:  "result=hit method=HEAD status=200 key=" + held.Key + " bytes=0 ms=",
		1:  "result=hit method=GET status=200 key=" + held.Key + " bytes=5000 ms=",
		2:  "result=hit method=GET status=206 key=" + held.Key + " bytes=100 ms=",
		3:  "result=part method=GET status=206 key=" + held.Key + " bytes=100 ms=",
		4:  "result=refused method=GET status=416 key=" + held.Key + " bytes=0 ms=",
		5:  "result=not_modified method=GET status=304 key=" + held.Key + " bytes=0 ms=",
		6:  "result=refused method=GET status=412 key=" + held.Key + " bytes=0 ms=",
		7:  "result=digest method=GET status=200 key=" + held.Key + " bytes=5000 ms=",
		9:  "result=miss method=GET status=404 key=" + miss.Key() + " bytes=33 ms=",
		10: "result=miss method=HEAD status=404 key=" + miss.Key() + " bytes=0 ms=",
		13: "result=page method=GET status=200 path=/ bytes=",
		15: "result=absent method=GET status=404 path=/nowhere bytes=",
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d is not %s", i, want)
		}
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, " client=127.0.0.1 tool=curl/8.5.0") {
			t.Errorf("who asked? %s", line)
		}
	}
	for _, secret := range []string{"c4n4ry", "secret-agent"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if t.Failed() {
		t.Log("\n" + log.String())
	}
}

// BenchmarkHeadLog is BenchmarkHeadHit without and with a line a request, in the handler alone.
func BenchmarkHeadLog(b *testing.B) {
	for name, log := range map[string]*slog.Logger{
		"off": nil, "text": slog.New(slog.NewTextHandler(io.Discard, nil)), "json": slog.New(slog.NewJSONHandler(&bytes.Buffer{}, nil)),
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, Options{AccessLog: log})
			w.hold("https://vendor.example/64k.bin", []byte("x"), noOrigin)
			rc := newRawClient(b, w, "HEAD", "/b/"+token("https://vendor.example/64k.bin")+"/64k.bin", 0)
			b.ReportAllocs()
			for b.Loop() {
				if err := rc.once(" 200 "); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAccessLogOfPaths: what names no artifact has its path, redacted, in a line of bounded length.
func TestAccessLogOfPaths(t *testing.T) {
	log := &syncBuffer{}
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	w := newWorld(t, Options{AccessLog: slog.New(slog.NewTextHandler(log, debug))})
	for path, want := range map[string]string{
		"/healthz":          "level=DEBUG msg=request result=page method=GET status=200 path=/healthz ",
		"/by-hash/sha256/0": "result=refused method=GET status=400 path=/by-hash/sha256/0 ",
		"/by-name/x.bin":    "result=absent method=GET status=404 path=/by-name/x.bin ",
		"/mirror/https://operator:c4n4ry@vendor.example/x": "result=absent method=GET status=404 path=/mirror/https://",
		"/b/!!":                           `result=refused method=GET status=400 path="" `,
		"/" + strings.Repeat("x", 10_000): "xxx... bytes=",
		"/api/v1/misses/no-such-miss":     "path=/api/v1/misses/no-such-miss ",
		"/x%0alevel=INFO%20msg=request":   `path="/x level=INFO msg=request"`,
	} {
		w.ask("GET", path)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if line := lines[len(lines)-1]; !strings.Contains(line, want) || len(line) > 1000 {
			t.Errorf("%.50s: no %s in %s", path, want, line)
		}
	}
	if strings.Contains(log.String(), "c4n4ry") {
		t.Errorf("the log has a password: %s", log.String())
	}
}
