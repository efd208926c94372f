package httpd

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"fromcache/httpd/answer"
)

// busy says when so many clients ask at once that probes, which only ask whether an artifact is held,
// are told to come again: a client that hears so at once comes again, and one that hears nothing for
// seconds takes the cache for dead. Downloads, pages and /healthz are answered as always.
type busy struct {
	mark    int                                    // how many may wait; 0: any number
	queue   func() (waiting, room int, known bool) // of the kernel: connections that nobody has accepted
	waiting arrivals
	queued  int          // at the last look
	looked  time.Time    // at the queue
	probes  atomic.Int64 // that are being answered
}

// eachCore is how many may wait for each core where no mark is set: what it answers in half a second.
// A client that waits so long still has its answer in time; one that is told to come again a second
// later mostly does not.
const eachCore = 5000

// lookEvery is how often the kernel is asked how many connections it has queued.
const lookEvery = 5 * time.Millisecond

// is reports whether more wait than the mark says. Its caller holds connLimit.mu.
func (b *busy) is(now time.Time) bool {
	if b.mark == 0 {
		return false
	}
	if now.Sub(b.looked) >= lookEvery {
		b.looked = now
		b.queued, _, _ = b.queue()
	}
	return b.queued+b.waiting.count(now) > b.mark || b.probes.Load() > int64(b.mark)
}

// arrivals counts the connections that came within the last one to two seconds and have no answer
// yet. Those that came earlier send nothing, or slowly, and don't count.
type arrivals struct {
	start  time.Time
	second int    // since start, that is counted now
	now    [2]int // that second's, and the one's before
}

// turn begins a new second if it is time, and returns how many seconds ago something was.
func (a *arrivals) turn(now, when time.Time) (ago int) {
	if a.start.IsZero() {
		a.start = now
	}
	switch second := int(now.Sub(a.start) / time.Second); second - a.second {
	case 0:
	case 1:
		a.now, a.second = [2]int{0, a.now[0]}, second
	default:
		a.now, a.second = [2]int{}, second
	}
	return a.second - int(when.Sub(a.start)/time.Second)
}

// add counts n more that came at a time: -1 takes back one that has its answer, or has left.
func (a *arrivals) add(n int, came time.Time) {
	if ago := a.turn(time.Now(), came); ago >= 0 && ago < len(a.now) {
		a.now[ago] += n
	}
}

func (a *arrivals) count(now time.Time) int {
	a.turn(now, now)
	return a.now[0] + a.now[1]
}

// comeAgain is the answer to a probe while the server is busy, whole. It has no body, because a HEAD
// has none.
var comeAgain = []byte("HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\n" +
	"Cache-Status: " + busyStatus + "\r\nConnection: close\r\nRetry-After: " + busyRetry + "\r\n\r\n")

const (
	busyStatus = "fromcache; detail=busy"
	busyRetry  = "1"
)

// turnAway answers a connection whose only request has come whole and is a probe, and closes it. It
// reports false, and has taken nothing from the connection, if it is anything else. By way of
// net/http such an answer would cost twice as much.
func turnAway(c net.Conn, room []byte) bool {
	socket, ok := c.(*answer.Conn)
	if !ok {
		return false
	}
	request := room[:socket.Peek(room)]
	if !bytes.HasPrefix(request, []byte("HEAD /b/")) && !bytes.HasPrefix(request, []byte("HEAD /blob?")) ||
		!bytes.HasSuffix(request, []byte("\r\n\r\n")) ||
		bytes.Contains(bytes.ToLower(request), []byte("\r\nprefer:")) { // one that waits is no work
		return false
	}
	if _, err := c.Read(request); err == nil { // what is not read would reset the connection, and the answer with it
		c.Write(comeAgain) //nolint:errcheck // the client has left
	}
	c.Close()
	return true
}

// isProbe reports whether a request is what shims ask before a download.
func isProbe(r *http.Request) bool {
	return r.Method == http.MethodHead && (strings.HasPrefix(r.URL.Path, "/b/") || r.URL.Path == "/blob")
}

// answerBusy answers a probe that turnAway has let through: over TLS, on a connection that was used
// before, or in pieces.
func answerBusy(w http.ResponseWriter) {
	h := w.Header()
	h["Cache-Control"] = answer.NoStore
	h["Cache-Status"] = []string{busyStatus}
	h["Retry-After"] = []string{busyRetry}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// probe begins the answer to a probe, and reports false if the server is too busy for it.
func (l *connLimit) probe() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy.is(time.Now()) {
		return false
	}
	l.busy.probes.Add(1)
	return true
}

// turnsAway counts a connection that was accepted, or answers it if it is one probe too many.
func (l *connLimit) turnsAway(c net.Conn) bool {
	now := time.Now()
	l.mu.Lock()
	tooMany := l.busy.is(now)
	if !tooMany {
		l.take(c, now)
	}
	l.mu.Unlock()
	if !tooMany {
		return false
	}
	if turnAway(c, l.request[:]) {
		l.turned()
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(c, now)
	return false
}

func (l *connLimit) take(c net.Conn, now time.Time) {
	l.conns[c] = &connState{since: now}
	l.busy.waiting.add(1, now)
}
