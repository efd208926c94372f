package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fromcache/httpd/metrics"
)

// ask sends a request to the server, and returns the answer's body.
func (p *process) ask(method, path string, fields ...string) string {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+path, nil)
	p.must(err)
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	answer, err := fresh(nil).Do(req)
	p.must(err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	p.must(err)
	return string(b)
}

// verb returns what a call of the program prints.
func (p *process) verb(args ...string) string {
	p.t.Helper()
	out, err := p.program(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("fromcache %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var sample = regexp.MustCompile(`(?m)^(fromcache_\w+)(\{[^}]*\})? ([0-9.e+-]+)$`)

// samples are the numbers of a page of metrics, by name and labels.
func samples(page string) map[string]float64 {
	all := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(page, -1) {
		all[m[1]+m[2]], _ = strconv.ParseFloat(m[3], 64)
	}
	return all
}

// sum adds those whose names and labels match.
func sum(all map[string]float64, pattern string) (n int64) {
	for name, v := range all {
		if regexp.MustCompile("^" + pattern + "$").MatchString(name) {
			n += int64(v)
		}
	}
	return n
}

// traffic has the server asked for what it holds, fetches, misses, fails and denies.
func traffic(p *process, o *origin) {
	for name, size := range map[string]int{"a.bin": 100_000, "b.bin": 50_000} {
		p.must(os.WriteFile(filepath.Join(o.dir, name), []byte(strings.Repeat("x", size)), 0o600))
	}
	p.verb("deny", "ads.example")
	p.verb("add", o.server.URL+"/gone.bin", o.server.URL+"/a.bin", o.server.URL+"/b.bin")
	p.eventually("fetched", func() bool { return p.there("done/*a.bin*") && p.there("done/*b.bin*") && p.there("failed/*gone*") })
	a := "/b/" + base64.RawURLEncoding.EncodeToString([]byte(o.server.URL+"/a.bin")) + "/a.bin"
	for range 3 {
		p.ask("GET", a)
	}
	p.ask("HEAD", a)
	p.ask("GET", a, "Range", "bytes=0-9")
	p.ask("GET", a, "Range", "bytes=10-19")
	p.ask("GET", fmt.Sprintf("/by-hash/sha256/%x", sha256.Sum256([]byte(strings.Repeat("x", 100_000)))))
	for i := range 4 {
		p.ask("GET", fmt.Sprintf("/m/https/vendor.example/%d.bin", i))
	}
	p.ask("HEAD", "/m/https/vendor.example/0.bin")
	p.ask("GET", "/m/https/ads.example/x")
}

// TestMetricsEqualPagesAndStats: after real traffic the metrics, the pages and the verbs have the
// same numbers, and promtool finds nothing to say about names, help and types.
func TestMetricsEqualPagesAndStats(t *testing.T) {
	o := newOrigin(t.TempDir())
	defer o.close()
	p := newProcess(t, "")
	p.start("--workers", "1")
	traffic(p, o)
	var page string
	p.eventually("the last answer is counted", func() bool {
		page = p.ask("GET", "/metrics")
		return strings.Contains(page, `fromcache_requests_total{method="GET",result="denied"} 1`)
	})
	all := samples(page)
	hits, misses := sum(all, `fromcache_requests_total\{method="GET",result="hit"\}`),
		sum(all, `fromcache_requests_total\{.*result="(miss|queued|active|denied|not_recorded|ill)"\}`)
	served, fetched := sum(all, "fromcache_served_bytes_total"), sum(all, "fromcache_fetched_bytes_total")
	if hits != 4 || misses != 6 || served != 400_020 || fetched != 150_000 {
		t.Errorf("%d hits, %d misses, %d bytes served, %d fetched, want 4, 6, 400020 and 150000\n%s", hits, misses, served, fetched, page)
	}
	if n := sum(all, `fromcache_fetch_failures_total\{reason="status_4xx",retried="false"\}`); n != 1 {
		t.Errorf("%d fetches failed by their status, want 1", n)
	}
	if n := sum(all, `fromcache_fetch_duration_seconds_count\{result="fetched"\}`); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
	p.samePages(all, hits, misses, served, fetched)
	p.checkMetrics(page)
	p.must(p.end(syscall.SIGTERM)) // which writes all that was counted
	row := fmt.Sprintf("in all +%s +%s +%d +%d\n", bytesOf(served), bytesOf(fetched), hits, misses)
	if out := p.verb("stats"); !regexp.MustCompile(row).MatchString(out) {
		t.Errorf("no row %q in\n%s", row, out)
	}
	if out := p.verb("ls"); !strings.Contains(out, fmt.Sprintf("artifacts  %d, %s, %d hits", sum(all, "fromcache_artifacts"), bytes(sum(all, "fromcache_held_bytes")), hits)) {
		t.Errorf("fromcache ls has other numbers:\n%s", out)
	}
}

func bytesOf(n int64) string { return regexp.QuoteMeta(bytes(n)) }

// samePages compares with the header line of each page and with the savings.
func (p *process) samePages(all map[string]float64, hits, misses, served, fetched int64) {
	p.t.Helper()
	var savings string
	p.eventually("the savings have all that was asked", func() bool {
		savings = p.ask("GET", "/stats")
		return strings.Contains(savings, fmt.Sprintf(`<data value="%[1]d">%[1]d</data></b> <span>each was answered`, hits)) &&
			strings.Contains(savings, fmt.Sprintf(`<data value="%[1]d">%[1]d</data></b> <span>requests for what was not held`, misses))
	})
	state := func(st string) int64 { return sum(all, `fromcache_jobs\{state="`+st+`"\}`) }
	for page, want := range map[string][]string{
		savings: {"served <b>" + bytes(served), "fetched from origins <b>" + bytes(fetched)},
		p.ask("GET", "/"): {
			fmt.Sprintf("<b>%d</b> artifacts", sum(all, "fromcache_artifacts")), "<b>" + bytes(sum(all, "fromcache_held_bytes")) + "</b> held",
			fmt.Sprintf("<b>%d</b> misses", state("misses")), fmt.Sprintf("<b>%d</b> queued", state("queue")),
			fmt.Sprintf("<b>%d</b> running", state("active")), fmt.Sprintf("<b>%d</b> failed", state("failed")),
		},
	} {
		for _, text := range want {
			if !strings.Contains(page, text) {
				p.t.Errorf("a page does not say %q", text)
			}
		}
	}
}

// checkMetrics has promtool read a page of metrics.
func (p *process) checkMetrics(page string) {
	p.t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		p.t.Fatal("promtool is not installed; make needs installs it")
	}
	c := exec.Command("promtool", "check", "metrics")
	c.Stdin = strings.NewReader(page)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		p.t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestMetricsListen: a port of their own has the metrics, and nothing else.
func TestMetricsListen(t *testing.T) {
	p := newProcess(t, "")
	p.start("--metrics-listen", "127.0.0.1:0")
	var m []string
	p.eventually("a line says where the metrics are", func() bool {
		m = regexp.MustCompile(`metrics=(\S+)`).FindStringSubmatch(p.log())
		return m != nil
	})
	for url, code := range map[string]int{
		m[1]: http.StatusOK, strings.TrimSuffix(m[1], "metrics"): http.StatusNotFound, p.url + "/metrics": http.StatusNotFound,
	} {
		answer, err := fresh(nil).Get(url)
		p.must(err)
		answer.Body.Close()
		if answer.StatusCode != code {
			t.Errorf("%s: %s, want %d", url, answer.Status, code)
		}
	}
	p.must(p.end(syscall.SIGTERM))
}

// TestWatchersNameWhatThereIs: a server has each metric that the alerts, the dashboard and the help
// name, and the help names each alert and each metric that a server has.
func TestWatchersNameWhatThereIs(t *testing.T) {
	p := newProcess(t, "")
	p.start("--min-free", "1000TiB") // so that there is a trouble
	has := map[string]bool{}
	var page string
	p.eventually("the scrub has begun", func() bool {
		page = p.ask("GET", "/metrics")
		return strings.Contains(page, "\nfromcache_scrub_")
	})
	for _, m := range regexp.MustCompile(`(?m)^(?:# TYPE )?(fromcache_\w+|process_\w+)`).FindAllStringSubmatch(page, -1) {
		has[m[1]] = true
	}
	name := regexp.MustCompile(`\b(?:fromcache|process)_[a-z_0-9]+\b`)
	for _, file := range []string{"alerts.yml", "grafana-dashboard.json", "testdata/alerts_test.yml", "testdata/alerts_slow_test.yml"} {
		b, err := os.ReadFile(filepath.Join("../../deploy", file))
		p.must(err)
		for _, metric := range name.FindAllString(string(b), -1) {
			if !has[metric] {
				t.Errorf("%s names %s, which no server has", file, metric)
			}
		}
	}
	for _, metric := range name.FindAllString(metrics.Help, -1) {
		ofReplica := strings.HasPrefix(metric, "fromcache_replica_")
		if !has[metric] && !ofReplica && metric != "process_" {
			t.Errorf("the help names %s, which no server has", metric)
		}
	}
	for metric := range has {
		short := strings.TrimPrefix(metric, "fromcache_disk") // the help has three of those in a row
		if own := regexp.MustCompile(`^fromcache_.*(_bucket|_sum|_count)$|^process_`); !own.MatchString(metric) && !strings.Contains(metrics.Help, short) {
			t.Errorf("the help does not name %s", metric)
		}
	}
	rules, err := os.ReadFile("../../deploy/alerts.yml")
	p.must(err)
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(metrics.Help, "`"+m[1]+"`") {
			t.Errorf("the help does not name the alert %s", m[1])
		}
	}
	p.must(p.end(syscall.SIGTERM))
}
