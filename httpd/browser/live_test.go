package browser

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
)

// TestLive: what a shell does is seen without a touch of the page, through to
// a download that ends.
func TestLive(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/")
	b.live()
	l.miss("/a.bin")
	b.text("/a.bin")
	b.text("curl/8.5.0")
	b.until(`document.querySelector('#sum').textContent.includes('1 miss waiting')`)
	l.sh("mv misses/*a.bin* queue/")
	b.until(`document.querySelectorAll('#l-misses .row').length === 0`)
	b.until(`document.querySelector('#l-meta tr')?.innerText.includes('/a.bin')`)
	l.miss("/slow/b.bin")
	b.open("/downloads")
	b.live()
	l.sh("mv misses/*b.bin* queue/")
	b.until(`document.querySelector('#l-active progress')?.value === 1048576`)
	b.text("25 %")
	b.text("of 4.0 MiB")
	l.origin.let()
	b.until(`document.querySelector('#l-active')?.children.length === 0`)
	b.until(`document.querySelector('#l-done')?.innerText.includes('/slow/b.bin')`)
	b.quiet()
}

// TestRestart: the stream comes back after the server does, and the page with
// it.
func TestRestart(t *testing.T) {
	l := newLab(t)
	l.miss("/a.bin")
	b := l.tab()
	b.open("/misses")
	b.live()
	l.stop()
	b.until(`document.querySelector('#live').textContent === 'reconnecting'`)
	l.sh("rm misses/*")
	l.start()
	b.live()
	b.until(`document.querySelectorAll('#l-misses .row').length === 0`)
	l.miss("/b.bin")
	b.text("/b.bin")
}

// TestSleep: a computer that slept has a stream that is dead and doesn't know
// it: its connections say nothing more, and its clock jumps. Its page stood
// still too, or was looked at all the while.
func TestSleep(t *testing.T) {
	for name, frozen := range map[string]bool{"frozen": true, "looked at": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.miss("/a.bin")
			cable := l.cable()
			b := l.tab()
			b.open("/misses")
			b.live()
			b.text("/a.bin")
			if frozen {
				b.lifecycle(page.SetWebLifecycleStateStateFrozen)
			}
			cable.cut()
			l.sh("rm misses/*")
			l.miss("/b.bin")
			if frozen {
				b.lifecycle(page.SetWebLifecycleStateStateActive)
			}
			b.eval(`(() => { const was = Date.now; Date.now = () => was() + 8 * 3600 * 1000 })()`)
			if frozen { // a browser without a window leaves it hidden
				b.eval(`Object.defineProperty(document, 'hidden', { value: false }) && document.dispatchEvent(new Event('visibilitychange'))`)
			}
			b.until(`!document.querySelector('#l-misses').innerText.includes('/a.bin')`)
			b.text("/b.bin")
			b.live()
			l.sh("rm misses/*") // and what happens from now on
			b.until(`document.querySelectorAll('#l-misses .row').length === 0`)
			b.quiet()
		})
	}
}

// TestOffline: the network is away for a while.
func TestOffline(t *testing.T) {
	l := newLab(t)
	l.miss("/a.bin")
	cable := l.cable()
	b := l.tab()
	b.open("/misses")
	b.live()
	b.text("/a.bin")
	b.network(false)
	cable.cut()
	l.sh("rm misses/*")
	l.miss("/b.bin")
	b.until(`!navigator.onLine && document.querySelector('#l-misses').innerText.includes('/a.bin')`)
	b.network(true)
	b.until(`!document.querySelector('#l-misses').innerText.includes('/a.bin')`)
	b.text("/b.bin")
	b.live()
}

func (b *tab) lifecycle(state page.SetWebLifecycleStateState) {
	b.l.t.Helper()
	call(b, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
}

func (b *tab) network(on bool) {
	b.l.t.Helper()
	call(b, emulateNetwork, network.OverrideNetworkStateParams{Offline: !on, DownloadThroughput: -1, UploadThroughput: -1})
}

// emulateNetwork has the browser itself refuse; newer ones know it by other
// names too, which Debian's does not.
var emulateNetwork = cdp.Command[network.OverrideNetworkStateParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// cable is what lies between a tab and the server.
type cable struct {
	mu    sync.Mutex
	lines []*line
}

// line is one connection. A dead one says nothing, and nobody is told.
type line struct {
	near, far    net.Conn
	stream, dead atomic.Bool
}

// cable puts one before the server, for tabs that come later.
func (l *lab) cable() *cable {
	l.t.Helper()
	c := &cable{}
	server := strings.TrimPrefix(l.url, "http://")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	l.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			c.join(&line{near: near, far: far})
		}
	}()
	l.url = "http://" + ln.Addr().String()
	return c
}

func (c *cable) join(n *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, n)
	go n.carry(n.far, n.near)
	go n.carry(n.near, n.far)
}

// cut leaves the streams that there are dead. What is idle a browser closes
// itself when it wakes; later connections are new ones.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.lines {
		if n.dead.Store(true); !n.stream.Load() {
			n.near.Close()
			n.far.Close()
		}
	}
}

func (n *line) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		size, err := from.Read(buf)
		if n.dead.Load() {
			return
		}
		if bytes.HasPrefix(buf[:size], []byte("GET /events ")) {
			n.stream.Store(true)
		}
		if _, werr := to.Write(buf[:size]); err != nil || werr != nil {
			to.Close()
			from.Close()
			return
		}
	}
}

// TestManyAtOnce: more than is sent row by row.
func TestManyAtOnce(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/misses")
	b.live()
	for i := range 150 {
		l.miss(fmt.Sprintf("/%03d.bin", i))
	}
	b.until(`document.querySelectorAll('#l-misses .row').length === 100`)
	b.text("1–100 of 150")
	l.sh("rm misses/*")
	b.until(`document.querySelectorAll('#l-misses .row').length === 0`)
	b.quiet()
}

// TestKept: what a person is at survives that the page is fetched again: a
// selection with what it was of, a disclosure, a form, the focus and the place.
func TestKept(t *testing.T) {
	const signed = "/a.bin?AWSAccessKeyId=k&Expires=1700000000&Signature="
	l := newLab(t)
	l.miss(signed + "good")
	for i := range 40 {
		l.miss(fmt.Sprintf("/%02d.bin", i))
	}
	b := l.tab()
	b.open("/misses")
	b.live()
	row := b.eval(`'#' + [...document.querySelectorAll('#l-misses .row')].find(e => e.innerText.includes('/a.bin')).id`)
	b.eval(`document.querySelector('` + row + ` input').click()`)
	b.eval(`document.querySelector('` + row + ` .sh').open = true`)
	b.eval(`document.querySelector('details.tail').open = true`)
	b.write("details.tail [name=key]", "*.example.com")
	b.eval(`document.querySelector('details.tail [name=key]').focus()`)
	b.eval(`scrollTo(0, 300)`)
	was := b.eval(`document.querySelector('` + row + ` input').value`)
	l.miss(signed + "evil")
	l.miss("/new.bin")
	b.until(`document.querySelector('#l-misses').innerText.includes('/new.bin') && document.querySelector('` + row + `').innerText.includes('which differ in Signature')`)
	for what, js := range map[string]string{
		"the choice":      `document.querySelector('` + row + ` input').checked`,
		"what was chosen": `document.querySelector('` + row + ` input').value === '` + was + `'`,
		"the disclosure":  `document.querySelector('` + row + ` .sh').open`,
		"the form":        `document.querySelector('details.tail').open && document.activeElement.value === '*.example.com'`,
		"the place":       `scrollY >= 300`,
		"other choices":   `document.querySelectorAll('#l-misses .pick input:checked').length === 1`,
	} {
		if b.eval(js) != "true" {
			t.Errorf("%s is lost", what)
		}
	}
	b.quiet()
}
