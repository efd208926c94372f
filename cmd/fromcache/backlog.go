package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"fromcache/httpd/answer"
)

// backlog keeps the queue of connections that the kernel has for a listening socket, listen(2), as
// long as the machine allows, and says when it is too short. A client whose connection finds no room
// there is not refused: it tries again in a second, in two, in four.
type backlog struct {
	socket  net.Listener
	clients func() int // that were seen lately
	longest func() int // the queue's greatest length since it was asked last
	tell    func(name, what string, err error)

	room   int       // as it was at the last look
	lost   int64     // connections of this machine, ListenOverflows
	lostAt time.Time // in the queue of this socket, as far as can be told
}

const (
	backlogEvery = 5 * time.Second
	// lostFor is how long a loss is told of: until somebody has looked.
	lostFor = time.Hour
)

const raiseBacklog = "raise the sysctl net.core.somaxconn, which counts at once: fromcache help deploy"

// run looks at the queue until ctx ends.
func (b *backlog) run(ctx context.Context) error {
	b.lost = listenOverflows()
	tick := time.NewTicker(backlogEvery)
	defer tick.Stop()
	for {
		b.look(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *backlog) look(now time.Time) {
	lengthen(b.socket)
	_, room, known := answer.Queue(b.socket)
	if !known {
		return
	}
	longest, lost := b.longest(), listenOverflows()
	if room > b.room {
		b.lostAt = time.Time{} // somebody has looked
	}
	if lost > b.lost && longest >= room/2 {
		b.lostAt = now
	}
	b.lost, b.room = lost, room
	var tooFew, full error
	if n := b.clients(); n > room {
		tooFew = fmt.Errorf("%d clients, room for %d", n, room)
	}
	if !b.lostAt.IsZero() && now.Sub(b.lostAt) < lostFor {
		full, tooFew = fmt.Errorf("room for %d", room), nil // which says it, too
	}
	b.tell("backlog", fmt.Sprintf("more clients ask than the %d that may wait for a connection, and would lose seconds if they asked at once: ",
		room)+raiseBacklog, tooFew)
	b.tell("backlog full", fmt.Sprintf("connections were lost, because no more than %d may wait: ", room)+raiseBacklog, full)
}

// lengthen gives a listening socket the backlog that the machine allows now, if that is more: package
// net reads it once, and systemd has its own.
func lengthen(socket net.Listener) {
	_, room, known := answer.Queue(socket)
	most := maxBacklog()
	if !known || most <= room {
		return
	}
	raw, err := socket.(syscall.Conn).SyscallConn() // known, so it is one
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { syscall.Listen(int(fd), most) }) //nolint:errcheck // it stays as it is, and is told of
}

// maxBacklog returns net.core.somaxconn, 0 where there is none.
func maxBacklog() int {
	b, _ := os.ReadFile("/proc/sys/net/core/somaxconn")
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// listenOverflows returns how many connections found no room in any listening socket's queue since
// the machine, or its network namespace, began; 0 where that is not known.
func listenOverflows() int64 {
	self, err := procfs.Self()
	if err != nil {
		return 0
	}
	counts, err := self.Netstat()
	if err != nil || counts.ListenOverflows == nil {
		return 0
	}
	return int64(*counts.ListenOverflows)
}
