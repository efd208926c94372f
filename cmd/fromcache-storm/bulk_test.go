package storm

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"fromcache/cmd/internal/testbed"
)

// bulk is downloads that never end: each gets a large artifact again and again.
type bulk struct {
	from  string
	bytes atomic.Int64
	stop  atomic.Bool
	err   atomic.Value
	all   sync.WaitGroup
}

// download starts n of them from a host, and waits until each has its first bytes.
func (s *site) download(n int, from, url string) *bulk {
	b := &bulk{from: from}
	var begun sync.WaitGroup
	for i := range n {
		begun.Add(1)
		b.all.Go(func() {
			err := s.enter("nodes", func() { b.fetch(i, testbed.TokenPath(url), sync.OnceFunc(begun.Done)) })
			if err != nil {
				b.err.CompareAndSwap(nil, err)
			}
		})
	}
	begun.Wait()
	return b
}

// end stops them and returns what broke one.
func (b *bulk) end() error {
	b.stop.Store(true)
	b.all.Wait()
	err, _ := b.err.Load().(error)
	return err
}

// fetch has the kernel drop what comes, tcp(7), because a node's copy of the bytes would take the
// processor from the server.
func (b *bulk) fetch(node int, path string, begun func()) {
	defer begun()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{10, 1, 200, byte(node + 1)}})
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: cachePort, Addr: netip.MustParseAddr(b.from).As4()})
	}
	for err == nil && !b.stop.Load() {
		err = b.once(fd, path, begun)
	}
	if err != nil {
		b.err.CompareAndSwap(nil, fmt.Errorf("a bulk download: %w", err))
	}
}

func (b *bulk) once(fd int, path string, begun func()) error {
	if _, err := unix.Write(fd, []byte("GET "+path+" HTTP/1.1\r\nHost: "+cacheHost+"\r\n\r\n")); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	n, err := unix.Read(fd, buf[:4<<10])
	head, body, whole := bytes.Cut(buf[:max(n, 0)], []byte("\r\n\r\n"))
	if err != nil || !whole || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("%v: %.200s", err, head)
	}
	begun()
	for left := bulkSize - len(body); left > 0 && !b.stop.Load(); left -= n {
		if n, _, err = unix.Recvfrom(fd, buf[:min(left, len(buf))], unix.MSG_TRUNC); err != nil || n == 0 {
			return fmt.Errorf("it ends %d bytes early: %v", left, err)
		}
		b.bytes.Add(int64(n))
	}
	return nil
}
