package storm

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is many nodes that ask in the same moment, each from an address of its own. One thread plays
// them all with non-blocking sockets, because 10,000 goroutines would take the processors from the
// server that is looked at.
type crowd struct {
	server unix.SockaddrInet4
	paths  []string      // node i asks for the one at i modulo their number
	limit  time.Duration // after which a node gives up
	poll   int
	calls  map[int32]*call // by descriptor
	starts []start         // that are to come, the soonest first
	wait   time.Duration   // for what is approved, FROMCACHE_WAIT
	nodes  []node
	seen   census
}

// node is what one of them came to.
type node struct {
	began time.Time
	took  time.Duration // until it knew
	hit   bool          // it knows that the URL is held; else it goes to the origin
}

// start is a call that is to come.
type start struct {
	at     time.Time
	node   int
	path   string
	pinned bool // it asks for the version that an answer named
}

// call is one request of one node.
type call struct {
	start
	fd    int
	began time.Time
	wrote bool
	kept  bool          // an answer came over this connection before
	lag   time.Duration // from the kernel's SYN-ACK to our write: the node's own slowness
	got   []byte
}

// answer is what a call came to.
type answer struct {
	status     int  // 0: none
	keeps      bool // the connection
	pin        string
	detail     string        // of Cache-Status
	retryAfter time.Duration // 0: none
}

// census counts what calls came to.
type census struct {
	calls      int
	status     map[int]int
	turned     map[string]int // answers with which nodes went to the origin, status and detail
	refused    int            // connections that were refused or reset
	silent     int            // no answer in the crowd's limit
	retransmit int            // connections on which the kernel sent something twice
	burst      time.Duration  // in which all had connected
	took       []time.Duration
	lag        []time.Duration
}

func newCrowd(host string, paths []string) (*crowd, error) {
	c := &crowd{paths: paths, limit: 20 * time.Second, calls: map[int32]*call{}}
	c.seen.status, c.seen.turned = map[int]int{}, map[string]int{}
	c.server.Port, c.server.Addr = cachePort, netip.MustParseAddr(host).As4()
	var err error
	c.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return c, err
}

// run has n nodes ask at once, and returns when each has what it wants.
func (c *crowd) run(n int) error {
	defer unix.Close(c.poll)
	defer atWireSpeed()()
	c.nodes = make([]node, n)
	began := time.Now()
	for i := range n {
		if err := c.open(start{node: i, path: c.paths[i%len(c.paths)]}); err != nil {
			return err
		}
		if i%64 == 63 {
			if err := cmp.Or(c.events(0), c.due()); err != nil {
				return err
			}
		}
	}
	c.seen.burst = time.Since(began)
	for len(c.calls)+len(c.starts) > 0 {
		if err := cmp.Or(c.events(20), c.due()); err != nil {
			return err
		}
		c.giveUp()
	}
	return nil
}

// atWireSpeed has this thread wait for no processor, as what comes over a wire does not, where it may
// have that right; end takes it back.
func atWireSpeed() (end func()) {
	policy := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if unix.SchedSetAttr(0, policy, 0) != nil {
		return func() {}
	}
	return func() {
		policy.Policy, policy.Priority = unix.SCHED_NORMAL, 0
		unix.SchedSetAttr(0, policy, 0)
	}
}

// due opens the calls whose time has come.
func (c *crowd) due() error {
	now := time.Now()
	for len(c.starts) > 0 && !c.starts[0].at.After(now) {
		s := c.starts[0]
		c.starts = c.starts[1:]
		if err := c.open(s); err != nil {
			return err
		}
	}
	return nil
}

// later has a node ask again.
func (c *crowd) later(s start) {
	i, _ := slices.BinarySearchFunc(c.starts, s.at, func(x start, at time.Time) int { return x.at.Compare(at) })
	c.starts = slices.Insert(c.starts, i, s)
}

// open connects from the node's own address.
func (c *crowd) open(s start) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	from := &unix.SockaddrInet4{Addr: [4]byte{10, 1, byte(s.node / 250), byte(s.node%250 + 1)}}
	if err := unix.Bind(fd, from); err != nil {
		return fmt.Errorf("bind %v: %w", from.Addr, err)
	}
	k := &call{fd: fd, start: s, began: time.Now()}
	if c.nodes[s.node].began.IsZero() {
		c.nodes[s.node].began = k.began
	}
	c.calls[int32(fd)] = k
	c.seen.calls++
	if err := unix.Connect(fd, &c.server); err != nil && err != unix.EINPROGRESS {
		c.end(k, answer{}, true)
		return nil
	}
	return unix.EpollCtl(c.poll, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(fd)})
}

// events does what sockets are ready for.
func (c *crowd) events(wait int) error {
	var ready [256]unix.EpollEvent
	n, err := unix.EpollWait(c.poll, ready[:], wait)
	if err == unix.EINTR {
		return nil
	}
	for _, e := range ready[:max(n, 0)] {
		if k := c.calls[e.Fd]; k != nil {
			c.ready(k, e.Events)
		}
	}
	return err
}

func (c *crowd) ready(k *call, events uint32) {
	if !k.wrote && events&(unix.EPOLLOUT|unix.EPOLLERR) != 0 {
		if info, err := unix.GetsockoptTCPInfo(k.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			k.lag = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
		if _, err := unix.Write(k.fd, []byte(k.request())); err != nil {
			c.end(k, answer{}, true)
			return
		}
		k.wrote = true
	}
	if !k.wrote {
		return
	}
	var buf [4096]byte
	for {
		n, err := unix.Read(k.fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return
		case err != nil, n == 0:
			c.end(k, answer{}, true)
			return
		}
		k.got = append(k.got, buf[:n]...)
		if head, _, whole := bytes.Cut(k.got, []byte("\r\n\r\n")); whole {
			c.end(k, parse(string(head)), false)
			return
		}
	}
}

// end counts what a call came to, and closes its connection unless the next goes over it. One that
// broke after an answer is replaced.
func (c *crowd) end(k *call, a answer, broken bool) {
	took, info := time.Since(k.began), &unix.TCPInfo{}
	if got, err := unix.GetsockoptTCPInfo(k.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && !broken {
		info = got
	}
	took -= time.Duration(info.Last_data_recv) * time.Millisecond // since it came, whenever we read it
	switch {
	case broken && k.kept:
		c.later(start{time.Now(), k.node, k.path, k.pinned})
	case broken:
		c.seen.refused++
	default:
		c.seen.status[a.status]++
		c.seen.took = append(c.seen.took, took)
		c.seen.lag = append(c.seen.lag, k.lag)
		if a.keeps && a.status == 200 && !k.pinned && c.goOn(k, a) {
			return
		}
	}
	if info.Total_retrans > 0 {
		c.seen.retransmit++
	}
	unix.Close(k.fd)
	delete(c.calls, int32(k.fd))
	if !broken || !k.kept {
		c.step(k, a, k.began.Add(took))
	}
}

// goOn asks for the version that was named over the same connection, and reports whether that could
// be sent.
func (c *crowd) goOn(k *call, a answer) bool {
	next := &call{start: start{time.Now(), k.node, pinned(k.path, a.pin), true}, fd: k.fd, began: time.Now(), wrote: true, kept: true, lag: k.lag}
	if _, err := unix.Write(k.fd, []byte(next.request())); err != nil {
		return false
	}
	c.seen.calls++
	c.calls[int32(k.fd)] = next
	return true
}

// step does what the shim does with an answer that came at a time.
func (c *crowd) step(k *call, a answer, came time.Time) {
	n := &c.nodes[k.node]
	again := k.start
	again.at = time.Now().Add(time.Duration((0.5 + rand.Float64()) * float64(a.retryAfter)))
	approved := a.detail == "queued" || a.detail == "active"
	switch {
	case a.status == 200 && !k.pinned: // it asks for that very version
		again.path, again.pinned = pinned(k.path, a.pin), true
		c.later(again)
	case a.status == 404 && approved && a.retryAfter > 0 && again.at.Before(n.began.Add(c.wait)),
		a.status == 503 && a.retryAfter > 0 && again.at.Before(n.began.Add(max(patience, c.wait))):
		c.later(again)
	default:
		n.took, n.hit = came.Sub(n.began), a.status == 200
		if !n.hit {
			c.seen.turned[fmt.Sprint(a.status, " ", a.detail)]++
		}
	}
}

// giveUp ends the calls that had no answer for too long.
func (c *crowd) giveUp() {
	for fd, k := range c.calls {
		if time.Since(k.began) > c.limit {
			c.seen.silent++
			unix.Close(k.fd)
			delete(c.calls, fd)
		}
	}
}

// request is the shim's.
func (k *call) request() string {
	last := ""
	if k.pinned {
		last = "Connection: close\r\n"
	}
	return "HEAD " + k.path + " HTTP/1.1\r\nHost: " + cacheHost + "\r\nUser-Agent: curl+fromcache-shim\r\n" +
		"Accept: */*\r\n" + last + "\r\n"
}

// parse reads what the shim looks at.
func parse(head string) (a answer) {
	lines := strings.Split(head, "\r\n")
	if words := strings.Fields(lines[0]); len(words) > 1 {
		a.status, _ = strconv.Atoi(words[1])
		a.keeps = words[0] == "HTTP/1.1"
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "x-fromcache-sha256":
			a.pin = value
		case "connection":
			a.keeps = a.keeps && !strings.Contains(strings.ToLower(value), "close")
		case "cache-status":
			_, a.detail, _ = strings.Cut(value, "detail=")
		case "retry-after":
			if n, err := strconv.Atoi(value); err == nil {
				a.retryAfter = time.Duration(n) * time.Second
			}
		}
	}
	return a
}

// quantile is the least time in which a share of the answers came.
func quantile(took []time.Duration, share float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// over is how many took longer.
func over(took []time.Duration, limit time.Duration) (n int) {
	for _, t := range took {
		if t > limit {
			n++
		}
	}
	return n
}

// late is how many nodes did not know within a limit that the URL is held.
func (c *crowd) late(limit time.Duration) (n int) {
	for _, node := range c.nodes {
		if !node.hit || node.took > limit {
			n++
		}
	}
	return n
}
