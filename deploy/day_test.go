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
	bootable(t)
	need(t, "prometheus")
	packages := dist(t, newer)
	disk := t.TempDir()
	roles, said := []string{"lab", "outside"}, make([]string, 2)
	var both sync.WaitGroup
	for i, role := range roles {
		over := t.TempDir()
		home := filepath.Join(over, "root")
		copyPackages(t, packages, "deb", home+"/packages")
		if err := os.WriteFile(home+"/role", []byte(role), 0o644); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("unshare", "--mount", "testdata/boot", over, "testdata/day")
		c.Env = append(os.Environ(), "DISK="+disk)
		both.Go(func() {
			out, _ := c.CombinedOutput() // the last line says whether it went well
			said[i] = strings.TrimSpace(string(out))
		})
	}
	both.Wait()
	for i, role := range roles {
		t.Run(role, func(t *testing.T) { isWhole(t, said[i]) })
	}
}
