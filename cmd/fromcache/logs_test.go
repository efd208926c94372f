package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// TestLogBufferNeverWaits: while nobody reads the log, who logs goes on. What was not dropped comes
// whole and in order, and the log says how much was.
func TestLogBufferNeverWaits(t *testing.T) {
	r, w := io.Pipe()
	var said strings.Builder
	b := &logBuffer{to: w, log: slog.New(slog.NewTextHandler(&said, nil)), wake: make(chan struct{}, 1)}
	end := b.start()
	line := strings.Repeat("x", 1000)
	const lines = 3 * maxLogBuffer / 1000
	for i := range lines {
		fmt.Fprintf(b, "%05d %s\n", i, line)
	}
	var read string
	var reading sync.WaitGroup
	reading.Go(func() { got, _ := io.ReadAll(r); read = string(got) })
	end()
	w.Close()
	reading.Wait()
	got := strings.Split(strings.TrimSuffix(read, "\n"), "\n")
	for i, l := range got {
		if len(l) != len(line)+6 || i > 0 && l <= got[i-1] {
			t.Fatalf("line %d is %q", i, l)
		}
	}
	if len(got) < maxLogBuffer/2000 || len(got) == lines || !strings.Contains(said.String(), fmt.Sprintf("lines=%d", lines-len(got))) {
		t.Errorf("%d of %d lines came, and the log says %q", len(got), lines, said.String())
	}
}
