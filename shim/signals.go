package shim

import (
	"syscall"

	"fromcache/shim/call"
)

// endingSignals are the signals that end a tool and that Go's runtime does not end for, as it does
// for SIGHUP, SIGINT and SIGTERM. wget goes on after SIGUSR1 (wget(1)).
func endingSignals(tool call.Tool) []syscall.Signal {
	s := []syscall.Signal{
		syscall.SIGQUIT, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGXCPU, syscall.SIGUSR2,
	}
	if tool == call.Curl {
		s = append(s, syscall.SIGUSR1)
	}
	return s
}
