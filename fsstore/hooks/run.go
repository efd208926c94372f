package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"fromcache/fsstore/key"
)

// exitError is a program that ended with another status than 0.
type exitError struct {
	path string
	code int // -1: a signal ended it
	said string
}

func (e *exitError) Error() string {
	how := fmt.Sprintf("ended with status %d", e.code)
	if e.code < 0 {
		how = "was ended by a signal"
	}
	if e.said == "" {
		return e.path + " " + how
	}
	return e.path + " " + how + ": " + e.said
}

// run runs the program of an event and returns what it printed, in one line. Where there is no
// program it does nothing.
func (h *Hooks) run(ctx context.Context, e Event) (said string, err error) {
	path, err := h.program(e.Event)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	input, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.o.Timeout,
		fmt.Errorf("%s ran for longer than %s (--hook-timeout) and was killed", path, h.o.Timeout))
	defer cancel()
	out := &beginning{}
	c := exec.CommandContext(ctx, path)
	c.Dir, c.Env = "/", h.environment(e)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(append(input, '\n')), out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started ends with it
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	err = c.Run()
	said = oneLine(out.b)
	if ctx.Err() != nil {
		return said, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return said, &exitError{path, exit.ExitCode(), said}
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it left a child behind that holds its output open
		err = nil
	}
	return said, err
}

// environment is small, because the server's own holds passwords.
func (h *Hooks) environment(e Event) []string {
	env := []string{"FROMCACHE_EVENT=" + e.Event, "FROMCACHE_DATA_DIR=" + h.store.Dir()}
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// beginning keeps the first 4 KiB of what is written to it.
type beginning struct{ b []byte }

func (w *beginning) Write(p []byte) (int, error) {
	w.b = append(w.b, p[:min(len(p), 4<<10-len(w.b))]...)
	return len(p), nil
}

// oneLine makes a line of at most 500 bytes, for the log of a job.
func oneLine(b []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "?")), " ")
	return key.RedactText(strings.ToValidUTF8(s[:min(len(s), 500)], ""))
}
