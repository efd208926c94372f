package main

import (
	"syscall"
	"testing"
	"time"
)

// A put that waits for a pipe sees its first signal when more comes. A second one
// ends it at once, and leaves what a kill leaves.
func TestPutEndsAtASecondSignal(t *testing.T) {
	p := newProcess(t, "")
	cmd := p.program("put", "https://vendor.example.com/piped.tar", "-")
	in, err := cmd.StdinPipe()
	p.must(err)
	defer in.Close()
	p.must(cmd.Start())
	p.eventually("it has begun", func() bool { return p.there("tmp/.new-*") })
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err == nil || !p.there("tmp/.new-*") || p.there("active/*.job") {
				t.Errorf("%v", err)
			}
			return
		default:
		}
		if time.Now().After(end) {
			cmd.Process.Kill()
			t.Fatal("it still waits")
		}
	}
}
