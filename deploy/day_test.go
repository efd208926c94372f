package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestDay installs the package on two machines that can't see each other, and does there what two
// operators do on a day: testdata/day.
func TestDay(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("wants root, to mount and to boot a container")
	}
	need(t, "systemd-nspawn")
	need(t, "prometheus")
	packages, err := filepath.Glob(dist(t, newer) + "/*.deb")
	if err != nil || len(packages) != 2 {
		t.Fatalf("packages: %s, %v", packages, err)
	}
	disk := t.TempDir()
	roles, said := []string{"lab", "outside"}, make([]string, 2)
	var both sync.WaitGroup
	for i, role := range roles {
		over := t.TempDir()
		home := filepath.Join(over, "root")
		if err := os.MkdirAll(home+"/packages", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(home+"/role", []byte(role), 0o644); err != nil {
			t.Fatal(err)
		}
		output(t, "cp", append(packages, home+"/packages")...)
		c := exec.Command("unshare", "--mount", "testdata/boot", over, "testdata/day")
		c.Env = append(os.Environ(), "DISK="+disk)
		both.Go(func() {
			out, _ := c.CombinedOutput() // the last line says whether it went well
			said[i] = strings.TrimSpace(string(out))
		})
	}
	both.Wait()
	for i, role := range roles {
		if !strings.HasSuffix(said[i], "\nthe end") {
			t.Errorf("the day of %s ends early:\n%s", role, said[i])
		}
	}
}
