package answer

import "time"

// What a Conn awaits: nothing, the first bytes of an answer, or nothing any more.
const (
	noAnswer = iota
	firstBytes
	refused
)

// Await notes that the answer to a request is to come on c. Until its first bytes are written Refuse
// may answer in its place.
func (c *Conn) Await() { c.awaited.Store(firstBytes) }

// beginAnswer reports whether an answer may be written: Refuse has written none.
func (c *Conn) beginAnswer() bool {
	switch c.awaited.Load() {
	case firstBytes:
		return c.awaited.CompareAndSwap(firstBytes, noAnswer)
	case refused:
		return false
	}
	return true
}

// Refuse writes an answer, and closes the connection, if one is awaited of which nothing has been
// written yet. Whoever makes that answer in another goroutine, and hangs in a disk call, can write
// nothing any more.
func (c *Conn) Refuse(answer []byte) {
	if !c.awaited.CompareAndSwap(firstBytes, refused) {
		return
	}
	_ = c.TCPConn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.TCPConn.Write(answer)
	_ = c.TCPConn.Close()
}

// Refused reports whether Refuse has answered the request of c in place of its handler.
func (c *Conn) Refused() bool { return c.awaited.Load() == refused }
