package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDashboard: a Prometheus that scrapes a server at work has an answer to each query of the
// dashboard, and takes the alerts.
func TestDashboard(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Fatal("prometheus is not installed; make needs installs it")
	}
	o := newOrigin(t.TempDir())
	defer o.close()
	p := newProcess(t, "")
	p.start("--workers", "1")
	base := p.prometheus()
	p.eventually("Prometheus has scraped the server", func() bool { return values(t, base, "fromcache_build_info") == 1 })
	traffic(p, o)
	variables := strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m", "$__range", "1m")
	queries := dashboardQueries(t)
	if len(queries) < 15 {
		t.Errorf("the dashboard has %d queries", len(queries))
	}
	for _, query := range queries {
		expr := variables.Replace(query)
		if strings.Contains(expr, "$") {
			t.Errorf("%s has a variable that this test does not know", query)
		}
		if strings.HasPrefix(query, "fromcache_health_trouble{") || strings.Contains(query, `reason="upstream"`) {
			values(t, base, expr) // none where all is well, and there is no upstream
			continue
		}
		p.eventually("a value of "+query, func() bool { return values(t, base, expr) > 0 })
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name string }
			}
		}
	}
	askPrometheus(t, base+"/api/v1/rules", &rules)
	if len(rules.Data.Groups) == 0 || len(rules.Data.Groups[0].Rules) < 8 {
		t.Errorf("Prometheus has these alerts: %+v", rules)
	}
	p.must(p.end(syscall.SIGTERM))
}

// prometheus starts one that scrapes the server every second, and returns its URL.
func (p *process) prometheus() string {
	p.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	addr := free.Addr().String()
	free.Close()
	rules, err := filepath.Abs("../../deploy/alerts.yml")
	p.must(err)
	dir := p.t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: fromcache
    static_configs: [{targets: [%q]}]
`, rules, strings.TrimPrefix(p.url, "http://"))
	p.must(os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	c := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+addr, "--log.level=error")
	c.Stderr = os.Stderr
	p.must(c.Start())
	p.t.Cleanup(func() { c.Process.Kill(); c.Wait() }) //nolint:errcheck // it is killed
	p.eventually("Prometheus is ready", func() bool {
		answer, err := http.Get("http://" + addr + "/-/ready")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	})
	return "http://" + addr
}

// values returns how many values a query has now.
func values(t *testing.T, base, query string) int {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	askPrometheus(t, base+"/api/v1/query?query="+url.QueryEscape(query), &answer)
	if answer.Status != "success" {
		t.Fatalf("%s: %s", query, answer.Error)
	}
	n := 0
	for _, r := range answer.Data.Result {
		if r.Value[1] != "NaN" {
			n++
		}
	}
	return n
}

func askPrometheus(t *testing.T, url string, into any) {
	t.Helper()
	answer, err := http.Get(url)
	if err == nil {
		defer answer.Body.Close()
		err = json.NewDecoder(answer.Body).Decode(into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dashboardQueries returns each expr of the dashboard.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	b, err := os.ReadFile("../../deploy/grafana-dashboard.json")
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}
