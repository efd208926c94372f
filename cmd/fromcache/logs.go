package main

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

func (a *app) logger(o *serveFlags) (*slog.Logger, error) {
	h, err := o.logHandler(a.stderr)
	if err != nil {
		return nil, err
	}
	return slog.New(h), nil
}

// logHandler writes to w from --log-level on, as --log-format says.
func (o *serveFlags) logHandler(w io.Writer) (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, usagef("--log-level %q: give debug, info, warn or error", o.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "text":
		return slog.NewTextHandler(w, options), nil
	case "json":
		return slog.NewJSONHandler(w, options), nil
	}
	return nil, usagef("--log-format %q: give text or json", o.logFormat)
}

// accessLog is the log of requests and the buffer behind it, both nil where none is wanted.
func (a *app) accessLog(o *serveFlags, log *slog.Logger) (*slog.Logger, *logBuffer, error) {
	switch o.accessLog {
	case "off":
		return nil, nil, nil
	case "on":
		b := &logBuffer{to: a.stderr, log: log, wake: make(chan struct{}, 1)}
		h, err := o.logHandler(b)
		return slog.New(h), b, err
	}
	return nil, nil, usagef("--access-log %q: give on or off", o.accessLog)
}

// logBuffer gathers lines and writes many at a time, because thousands of probes come in a second
// and a write costs as much as an answer. Whoever logs never waits for who reads the log: what is
// too much while that one is slow is dropped and counted.
type logBuffer struct {
	to   io.Writer
	log  *slog.Logger // is told how many lines were dropped
	wake chan struct{}

	spare   []byte // the room of the lines written last; flush's
	mu      sync.Mutex
	lines   []byte
	dropped int
}

const (
	maxLogBuffer = 1 << 20 // bytes: some 5,000 lines
	logEvery     = 200 * time.Millisecond
)

// Write takes one line.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > maxLogBuffer {
		b.dropped++
		return len(line), nil
	}
	if len(b.lines) == 0 {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	b.lines = append(b.lines, line...)
	return len(line), nil
}

// run writes what was gathered, until stop is closed. One run at a time.
func (b *logBuffer) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			b.flush()
			return
		case <-b.wake:
		}
		select {
		case <-stop:
		case <-time.After(logEvery):
		}
		b.flush()
	}
}

func (b *logBuffer) flush() {
	b.mu.Lock()
	lines, dropped := b.lines, b.dropped
	b.lines, b.dropped = b.spare[:0], 0
	b.mu.Unlock()
	if len(lines) > 0 {
		b.to.Write(lines) //nolint:errcheck // there is nowhere else to say so
	}
	b.spare = lines
	if dropped > 0 {
		b.log.Warn("lines of requests were dropped, because what reads the log is too slow", "lines", dropped)
	}
}

// start runs the buffer; the call that it returns ends it, with all lines written.
func (b *logBuffer) start() (end func()) {
	if b == nil {
		return func() {}
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { b.run(stop) })
	return func() {
		close(stop)
		running.Wait()
	}
}
