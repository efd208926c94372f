package deploy

import (
	"os/exec"
	"testing"
)

// TestAlerts has promtool read the rules, and run the unit tests of each.
func TestAlerts(t *testing.T) {
	need(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "alerts.yml"},
		{"test", "rules", "testdata/alerts_test.yml", "testdata/alerts_slow_test.yml"},
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
