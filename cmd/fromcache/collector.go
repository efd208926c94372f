package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	mostGarbage  = 50 // per cent of what lives
	leastGarbage = 10
	ballast      = 32 << 20
	muchGarbage  = 64 << 20
)

// collectLess lets garbage gather to 16 MiB and one and a half times what lives, instead of to
// twice that. A server that holds 4 MiB would collect it 25 times a second under load, a fifth of
// all its time. The ballast is never touched: it takes address space and no memory, and the
// collector counts it as alive until the returned function is called.
//
// Of a million artifacts some 400 MiB live, without pointers, so that the collector passes them over:
// then no more than 64 MiB of garbage gather.
func collectLess() (end func()) {
	weight := make([]byte, ballast)
	before := debug.SetGCPercent(mostGarbage)
	ended := make(chan struct{})
	go adjust(ended)
	return func() {
		close(ended)
		runtime.KeepAlive(weight)
		debug.SetGCPercent(before)
	}
}

// adjust sets how much garbage may gather after each collection, until the server ends.
func adjust(ended <-chan struct{}) {
	percent := mostGarbage
	for {
		select {
		case <-collected():
		case <-ended:
			return
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		wanted := int(min(mostGarbage, max(leastGarbage, muchGarbage*100/max(1, live[0].Value.Uint64()))))
		if wanted != percent {
			debug.SetGCPercent(wanted)
			percent = wanted
		}
	}
}

// collected returns what is closed after the next collection.
func collected() <-chan struct{} {
	done := make(chan struct{})
	runtime.AddCleanup(new([16]byte), func(done chan struct{}) { close(done) }, done)
	return done
}
