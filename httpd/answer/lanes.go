package answer

import (
	"sync/atomic"
	"time"
)

// Where many read at once, a quick reader costs the less, the more bytes the kernel takes for it at
// once: 64 readers take a GiB for two thirds of the CPU. So some of those that have proved quick have
// a wider bound on what is unsent, until their answer ends. What they hold in the kernel if they stall
// is quickReaders times quickUnsent at most.
const (
	quickUnsent  = 2 << 20
	quickReaders = 32
	// manyReaders is how many at once are many. The bytes for fewer are still in the processor's
	// cache when they are sent, as long as they are few.
	manyReaders = 4
	// A reader is quick that takes quickRate bytes a second, and has taken quickProof.
	quickRate  = 10 << 20
	quickProof = 1 << 20
)

// lanes counts the long answers of a listener.
type lanes struct{ long, quick atomic.Int32 }

// long is an answer in the lanes; the zero long is in none.
type long struct {
	c     *Conn
	began time.Time
	quick bool
}

func (c *Conn) beginLong(size int64) long {
	if size <= quickProof || c.lanes == nil {
		return long{}
	}
	c.lanes.long.Add(1)
	return long{c: c, began: time.Now()}
}

// has says how many bytes of the answer its reader has taken.
func (l *long) has(sent int64) {
	if l.c == nil || l.quick || sent < quickProof || l.c.lanes.long.Load() < manyReaders ||
		time.Since(l.began).Seconds()*quickRate > float64(sent) { //guard:TestOnlyQuickReadersHoldMore
		return
	}
	if l.c.lanes.quick.Add(1) > quickReaders { //guard:TestOnlyQuickReadersHoldMore
		l.c.lanes.quick.Add(-1)
		return
	}
	l.quick = true
	l.c.limitUnsent(quickUnsent)
}

func (l *long) end() {
	if l.c == nil {
		return
	}
	l.c.lanes.long.Add(-1)
	if l.quick {
		l.c.limitUnsent(unsentMost)
		l.c.lanes.quick.Add(-1)
	}
}

func (c *Conn) limitUnsent(most int) {
	c.raw.Control(func(fd uintptr) { limitUnsent(int(fd), most) }) //nolint:errcheck // it is closed
}
