//go:build !linux

package probe

import (
	"net"
	"syscall"
	"time"

	"fromcache/shim/plan"
)

// bareConn is a connection past Go's network poller, of which there are none here.
type bareConn struct{ net.Conn }

func bareAddress(plan.Question, plan.Cache) (syscall.Sockaddr, bool) { return nil, false }

func beginBare(syscall.Sockaddr, time.Time) (*bareConn, error) { return nil, errLater }

func (b *bareConn) quiet() bool { return false }

func (b *bareConn) polled() (net.Conn, error) { return b.Conn, nil }
