package browser

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestTriage: twenty misses are decided by the keyboard alone, each verb is undone by it, and the row
// that is at hand is always to be seen.
func TestTriage(t *testing.T) {
	l := newLab(t)
	l.stop()
	l.start()
	for i := range 20 {
		l.miss(fmt.Sprintf("/slow/%02d.bin", i))
	}
	b := l.tab()
	b.open("/misses")
	b.live()
	b.until(`document.querySelectorAll('#l-misses .row').length === 20`)
	key := func(k string) { b.run(chromedp.KeyEvent(k)) }
	seen := func() {
		if b.eval(`(e => e.matches('.row') && getComputedStyle(e).outlineStyle !== 'none' && e.getBoundingClientRect().bottom <= innerHeight + 1)(document.activeElement)`) != "true" {
			t.Errorf("the row at hand is not seen: %s", b.eval(`document.activeElement.outerHTML.slice(0, 300)`))
		}
	}
	for _, verb := range []struct{ key, says string }{{"a", "Approved"}, {"d", "Dismissed"}, {"x", "Denied"}} {
		key("j")
		id := b.eval(`document.activeElement.id`)
		seen()
		key(verb.key)
		b.until(`document.getElementById('` + id + `').querySelector('.fate')?.textContent.startsWith('` + verb.says + `')`)
		key("u")
		b.until(`!document.getElementById('` + id + `').matches('.acted')`)
		if n := len(l.names("misses")); n != 20 {
			t.Errorf("%s, undone: %d misses", verb.says, n)
		}
		b.eval(`document.activeElement.blur()`)
	}
	key("j")
	for i := range 20 {
		seen()
		key([]string{"a", "d", "x"}[i%3])
		b.until(fmt.Sprintf(`[...document.querySelectorAll('.acted .fate')].filter(e => e.textContent).length === %d`, i+1))
	}
	l.eventually("all are decided", func() bool { return len(l.names("misses")) == 0 && len(l.names("denied")) == 6 })
	key("?")
	b.until(`document.querySelector('#keys').open`)
	b.press("#keys", "Close")
	key("/")
	b.until(`document.activeElement.name === 'q'`)
	b.eval(`document.activeElement.blur()`)
	key("?")
	b.until(`document.querySelector('#keys').open`)
	b.eval(`document.querySelector('#keys-on').click()`)
	b.open("/stats")
	b.live()
	key("/")
	if b.eval(`document.activeElement.name`) == "q" {
		t.Error("keys are turned off, and / searches")
	}
	b.quiet()
}

// TestFirstMiss: at a desk and on a phone the first miss is to be seen without scrolling, below a head
// of 150 pixels at most and with more after it; a row has at most two buttons at rest, and on a phone
// each of them has 44 pixels.
func TestFirstMiss(t *testing.T) {
	l := newLab(t)
	for i := range 8 {
		l.miss(fmt.Sprintf("/%02d.bin", i))
	}
	l.add("/gone.bin")
	l.add("/slow/s.bin")
	l.eventually("one runs, one failed", func() bool { return len(l.names("active")) == 1 && len(l.names("failed")) == 1 })
	b := l.tab()
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: size[0], Height: size[1], DeviceScaleFactor: 1, Mobile: size[0] < 500})
		for _, page := range []string{"/", "/misses", "/downloads", "/artifacts"} {
			b.open(page)
			b.live()
			row := b.eval(`(e => e ? String(e.getBoundingClientRect().bottom) : 'none')(document.querySelector('#l-misses .row'))`)
			if bottom := 0.0; row != "none" {
				fmt.Sscan(row, &bottom)
				if bottom > float64(size[1]) {
					t.Errorf("%s at %v: the first miss ends at %s", page, size, row)
				}
			}
			if rest := b.eval(`[document.querySelector('.bar').getBoundingClientRect().bottom <= 150 || 'the head', [...document.querySelectorAll('#l-misses .row')].every(e => e.offsetHeight <= 105) || 'a row', !document.querySelector('#l-misses .row') || [...document.querySelectorAll('#l-misses .row')].filter(e => e.getBoundingClientRect().bottom <= innerHeight).length > 1 || 'few rows'].filter(e => e !== true)`); rest != "" {
				t.Errorf("%s at %v: too high: %s", page, size, rest)
			}
			const buttons = `[...row.querySelectorAll('button, .acts summary')].filter(e => e.checkVisibility())`
			if many := b.eval(`[...document.querySelectorAll('.row')].map(row => ` + buttons + `.length).filter(n => n > 2).length`); many != "0" {
				t.Errorf("%s: %s rows have more than two buttons", page, many)
			}
			if size[0] < 500 {
				small := b.eval(`[...document.querySelectorAll('.row')].flatMap(row => ` + buttons + `).filter(e => e.offsetHeight < 44 || e.offsetWidth < 44).map(e => e.outerHTML).join(' ')`)
				if small != "" {
					t.Errorf("%s: small targets: %.300s", page, small)
				}
			}
		}
	}
	b.quiet()
}

// TestMovingList: a press in a list that moves is for the row under the pointer when it came to lie
// there, or for none: in 200 trials, single and double, never for another.
func TestMovingList(t *testing.T) {
	if testing.Short() {
		t.Skip("200 trials")
	}
	l := newLab(t)
	for i := range 12 {
		l.miss(fmt.Sprintf("/%03d.bin", i))
	}
	b := l.tab()
	b.open("/misses?sort=last") // new ones come on top
	b.live()
	b.eval(`(() => { window.sent = []; const was = fetch; window.fetch = (to, o) => {
		if (o?.method !== 'POST') return was(to, o)
		sent.push(new URLSearchParams(o.body).get('key').split('@')[0])
		return Promise.resolve(new Response('Approved it', { status: 200 }))
	} })()`)
	next, wrong := 100, 0
	for range 200 {
		n := rand.IntN(6)
		where := b.eval(fmt.Sprintf(`(row => { const r = row.querySelector('.acts button').getBoundingClientRect(); sent.length = 0
			return row.querySelector('input').value.split('@')[0] + ' ' + (r.left + r.width / 2) + ' ' + (r.top + r.height / 2) })([...document.querySelectorAll('#l-misses .row:not(.acted)')][%d])`, n))
		var x, y float64
		var name string
		fmt.Sscan(where, &name, &x, &y)
		b.run(chromedp.MouseEvent("mouseMoved", x, y))
		under := b.eval(fmt.Sprintf(`document.elementFromPoint(%v, %v)?.closest('.row')?.querySelector('input')?.value.split('@')[0] ?? ''`, x, y))
		if rand.IntN(2) == 0 {
			l.miss(fmt.Sprintf("/%03d.bin", next))
			next++
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		b.run(chromedp.MouseClickXY(x, y))
		if rand.IntN(2) == 0 {
			b.run(chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
		}
		for _, got := range strings.Fields(b.eval(`sent.join(' ')`)) {
			if got != name && got != under {
				wrong++
				t.Errorf("pressed %s, and %s was approved", name, got)
			}
		}
		b.eval(`document.querySelectorAll('.acted').forEach(e => { e.classList.remove('acted'); e.querySelector('.fate')?.remove() })`)
	}
	if wrong > 0 {
		t.Errorf("%d of 200 hit another row", wrong)
	}
}

// TestNothingShifts: the script's start, the word that the page is live, a miss, one that is asked for again and what they
// change in the head move nothing that is on the screen.
func TestNothingShifts(t *testing.T) {
	l := newLab(t)
	for i := range 30 {
		l.miss(fmt.Sprintf("/%02d.bin", i))
	}
	b := l.tab()
	for _, page := range []string{"/misses", "/"} {
		b.open(page)
		b.live()
		b.eval(`(() => { window.shift = ''; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) shift += e.value + e.sources.map(s => ' ' + (s.node?.outerHTML ?? s.node?.data ?? '').slice(0, 80) + ' in ' + s.node?.parentNode?.className).join() + '; ' }).observe({ type: 'layout-shift', buffered: true }) })()`)
		l.miss("/new" + strings.ReplaceAll(page, "/", "-") + ".bin")
		for range 5 {
			l.miss("/17.bin")
		}
		l.sh("echo " + l.origin.URL + "/slow/s" + strings.ReplaceAll(page, "/", "-") + ".bin > queue/s.job")
		l.eventually("it runs", func() bool { return len(l.names("active")) > 0 })
		b.until(`document.querySelector('a[href="downloads?state=running"] b').textContent !== '0'`)
		b.eval(`new Promise(done => setTimeout(done, 1500))`)
		if shift := b.eval(`shift`); shift != "" {
			t.Errorf("%s shifts by %s", page, shift)
		}
	}
}

// TestEmpty: a server that holds nothing says how a client is connected to it, by its own address, and
// says so once the first has asked.
func TestEmpty(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/")
	b.live()
	b.text("FROMCACHE_SERVER=" + l.url + ";")
	b.until(`document.querySelector('.probed:not(.done)')`)
	for _, dark := range []bool{false, true} {
		b.picture("empty", 1440, dark)
		b.picture("empty-phone", 390, dark)
	}
	if found := b.eval(`document.documentElement.scrollWidth > innerWidth`); found == "true" {
		t.Error("it is wider than a phone")
	}
	l.miss("/a.bin")
	b.until(`document.querySelector('.probed.done')`)
	b.text("/a.bin")
	l.add("/b.bin")
	b.until(`!document.querySelector('.probed')`)
	b.quiet()
}
