package httpd

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// visitor is a connection that somebody may close.
type visitor struct{ net.Conn }

func (*visitor) Close() error { return nil }

// come is what Accept does with a connection.
func (l *connLimit) come() *visitor {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &visitor{}
	l.conns[c] = &connState{since: time.Now()}
	return c
}

// TestWhoIsCutWhileItWaitsLeavesItsPlace: slow readers take every descriptor, and
// requests that wait for one are cut. When all have gone there is room as before.
func TestWhoIsCutWhileItWaitsLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newConnLimit(nil, 8, func(error) {})
		var readers []*visitor
		for range 4 {
			c := l.come()
			l.state(c, http.StateActive)
			readers = append(readers, c)
		}
		var asked atomic.Int64
		for range 4 {
			for range 2 {
				c := l.come()
				go func() {
					l.state(c, http.StateActive)
					l.state(c, http.StateClosed)
					asked.Add(1)
				}()
			}
			time.Sleep(patience)
			synctest.Wait()
			l.mu.Lock()
			l.cutIdle()
			l.mu.Unlock()
			synctest.Wait()
		}
		if n := asked.Load(); n != 8 {
			t.Errorf("of 8 requests that were cut %d have ended", n)
		}
		for _, c := range readers {
			l.state(c, http.StateClosed)
		}
		if len(l.conns) != 0 || l.answering != 0 {
			t.Errorf("all have gone, and %d connections and %d answers are counted", len(l.conns), l.answering)
		}
		l.Listener = nowhere{}
		l.Close() // ends who waits all the same
		synctest.Wait()
	})
}

type nowhere struct{ net.Listener }

func (nowhere) Close() error { return nil }
