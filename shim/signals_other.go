//go:build !linux

package shim

import (
	"os"
	"os/signal"

	"fromcache/shim/call"
)

// leaveSignals has the signals end this process that end the tool, as that of alarm(2) before an
// exec, with the status by which a shell tells so. Go's runtime would do nothing, or print what its
// goroutines do.
func leaveSignals(tool call.Tool) {
	came := make(chan os.Signal, 1)
	ending := endingSignals(tool)
	for _, s := range ending {
		signal.Notify(came, s)
	}
	go func() {
		s := <-came
		for _, e := range ending {
			if s == e {
				os.Exit(128 + int(e))
			}
		}
	}()
}
