package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// sweepEnv names the directories that a run which was stopped has left.
const sweepEnv = "FROMCACHE_TORTURE_SWEEP"

// sweepAtSignal leaves no mount and no process behind when somebody has seen
// enough. The parts go on and know nothing of it, so that whatever is taken from
// below them would be made again, or make them panic: this process becomes
// another, which sweeps.
func (p *program) sweepAtSignal(w wish) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	p.cancel()
	p.tools.Lock() // those that ran have ended
	p.daemons.Lock()
	if p.moose != nil {
		p.moose.close() // its daemons are nobody's children
	}
	if w.keep == "" {
		complain(errors.New("stopped: no table"), 1)
	} else {
		complain(fmt.Errorf("stopped: %s has a row of each part that came to its end; the same call goes on from there", w.keep), 1)
	}
	dirs := p.temp + string(filepath.ListSeparator) + p.memory
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args[:1], append(os.Environ(), sweepEnv+"="+dirs))
	}
	os.Exit(complain(fmt.Errorf("what is left in %s: %w", dirs, err), 1))
}

// sweep ends what was called with a name below these directories, and removes
// them. A server that strace ran has outlived it, and a shell may be about to
// mount: it is still a child of this process, and waited for.
func sweep(dirs []string) {
	for _, dir := range dirs {
		killBelow(dir)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err == syscall.ECHILD {
			break
		}
	}
	for _, dir := range dirs {
		judge.RemoveAll(dir)
	}
}

func killBelow(dir string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		words, _ := os.ReadFile(process + "/cmdline")
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil && strings.Contains(string(words), dir+"/") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
