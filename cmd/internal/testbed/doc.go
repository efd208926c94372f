// Package testbed is what the harnesses beside it share: the programs under test, built once and run as
// processes, and namespaces in which nothing outlives a harness.
package testbed

import (
	"fmt"
	"os"
	"os/exec"
)

// Build compiles a package of this module into the file to, as make build does but for its version.
func Build(to, pkg string) error {
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
