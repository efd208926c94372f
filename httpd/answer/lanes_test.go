package answer

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Of many that read quickly some have more in the kernel, no more than there are lanes for, and none
// when its answer has ended; those that read slowly, and few, have not.
func TestOnlyQuickReadersHoldMore(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	from := Listen(ln, time.Minute)
	var readers []*Conn
	for range quickReaders + 5 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := from.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		readers = append(readers, got.(*Conn))
	}
	check := func(when string, want int) {
		t.Helper()
		more := 0
		for _, c := range readers {
			c.raw.Control(func(fd uintptr) {
				if n, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil {
					t.Error(err)
				} else if n == quickUnsent {
					more++
				} else if n != unsentMost {
					t.Errorf("%s: a bound of %d", when, n)
				}
			})
		}
		if more != want {
			t.Errorf("%s: %d readers have more, where %d are right", when, more, want)
		}
	}
	var answers []*long
	begin := func(c *Conn) {
		l := c.beginLong(1 << 30)
		answers = append(answers, &l)
	}
	has := func(n int64) {
		for _, l := range answers {
			l.has(n)
		}
	}
	for _, c := range readers[:manyReaders-1] {
		begin(c)
	}
	has(1 << 29)
	check("few", 0)
	for _, c := range readers[manyReaders-1:] {
		begin(c)
	}
	has(quickProof - 1)
	check("begun", 0)
	for _, l := range answers {
		l.began = time.Now().Add(-time.Hour)
	}
	has(1 << 29)
	check("slow", 0)
	has(1 << 50)
	check("quick", quickReaders)
	for _, l := range answers {
		l.end()
	}
	check("ended", 0)
	if at := readers[0].lanes; at.long.Load() != 0 || at.quick.Load() != 0 {
		t.Errorf("%d long and %d quick answers are left", at.long.Load(), at.quick.Load())
	}
}
