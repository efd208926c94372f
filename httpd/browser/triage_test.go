package browser

import (
	"fmt"
	"math/rand/v2"
	"slices"
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

// TestKeysOfJobs: on the page of downloads a job is cancelled, put back and dismissed by the keyboard.
func TestKeysOfJobs(t *testing.T) {
	l := newLab(t)
	l.add("/slow/a.bin")
	l.add("/gone.bin")
	l.eventually("one runs, one failed", func() bool { return len(l.names("active")) == 1 && len(l.names("failed")) == 1 })
	b := l.tab()
	b.open("/downloads")
	b.live()
	key := func(k string) { b.run(chromedp.KeyEvent(k)) }
	at := func(list string) { b.eval(`document.querySelector('` + list + ` .row').focus()`) }
	b.until(`document.querySelector('#l-active .row')`)
	at("#l-active")
	key("r") // which a job that runs does not know
	key("c")
	l.eventually("it is cancelled", func() bool { return len(l.names("cancelled")) == 1 })
	b.until(`document.querySelector('.acted .undo')`)
	key("u")
	l.eventually("it is back", func() bool { return len(l.names("cancelled")) == 0 && len(l.names("active")) == 1 })
	b.until(`document.querySelector('#l-failed .row')`)
	at("#l-failed")
	key("d")
	l.eventually("it is dismissed", func() bool { return len(l.names("failed")) == 0 })
	b.until(`document.querySelector('#l-failed .acted .undo')`)
	key("u")
	l.eventually("it is a failure again", func() bool { return len(l.names("failed")) == 1 })
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
// there, or for none: in 200 trials, single and double, with misses that come and go before, while and
// after the pointer arrives, the server never approves another.
func TestMovingList(t *testing.T) {
	if testing.Short() {
		t.Skip("200 trials")
	}
	l := newLab(t)
	next := 0
	more := func() { l.miss(fmt.Sprintf("/slow/%04d.bin", next)); next++ }
	for range 12 {
		more()
	}
	b := l.tab()
	b.open("/misses?sort=last") // new ones come on top
	b.live()
	b.eval(`(() => { window.busy = 0; const was = fetch; window.fetch = async (to, o) => { busy++; try { return await was(to, o) } finally { busy-- } } })()`)
	// What lies at the point that is pressed is looked at in each frame.
	b.eval(`(() => { window.at = [0, 0]; window.lies = ''; let since = 0
		const frame = () => { const e = document.elementFromPoint(...at)?.closest('.row')?.querySelector('input')?.value.split('@')[0] ?? ''
			if (e !== lies) { lies = e; since = performance.now() }
			requestAnimationFrame(frame) }
		frame()
		addEventListener('pointerdown', () => { window.seen = performance.now() - since > 300 ? lies : '' }, true) })()`)
	const live = `[...document.querySelectorAll('#l-misses .row:not(.acted, .gone)')].filter(e => e.checkVisibility() && e.getBoundingClientRect().bottom < innerHeight)`
	away := func() { b.run(chromedp.MouseEvent("mouseMoved", 5, 5)) }
	hits := 0
	for range 200 {
		moves := rand.IntN(3) == 0
		if moves {
			away()
		}
		if b.eval(live+`.length < 3`) == "true" {
			away()
			for range 6 {
				more()
			}
			b.until(live + `.length > 5`)
			moves = true
		}
		removed := ""
		stir := func() {
			switch names := l.names("misses"); rand.IntN(4) {
			case 0:
				more()
			case 1:
				removed = names[rand.IntN(len(names))]
				l.sh("rm -f misses/" + removed)
			}
		}
		where := b.eval(fmt.Sprintf(`(row => { if (!row) return ''; lies = seen = ''; const r = row.querySelector('.acts button').getBoundingClientRect()
			at = [r.left + r.width / 2, r.top + r.height / 2]
			return row.querySelector('input').value.split('@')[0] + ' ' + at.join(' ') })(`+live+`[%d])`, rand.IntN(3)))
		var x, y float64
		var name string
		if n, _ := fmt.Sscan(where, &name, &x, &y); n < 3 {
			continue // it has just gone
		}
		stir()
		pause := 250 // ms; a press within 400 of a move is for none
		if moves {
			pause = 1000
		}
		time.Sleep(time.Duration(rand.IntN(pause)) * time.Millisecond)
		b.run(chromedp.MouseEvent("mouseMoved", x, y))
		under := b.eval(`document.elementFromPoint(...at)?.closest('.row')?.querySelector('input')?.value.split('@')[0] ?? ''`)
		stir()
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		before := l.names("queue", "active")
		b.run(chromedp.MouseClickXY(x, y))
		seen := b.eval(`seen`) // lay there for 0.3 s, though perhaps not when the pointer came
		if rand.IntN(2) == 0 {
			b.run(chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
		}
		b.until(`busy === 0`)
		for _, got := range l.names("queue", "active") {
			if stem, _, _ := strings.Cut(strings.TrimSuffix(got, ".job"), "@"); slices.ContainsFunc(before, func(s string) bool { return strings.HasPrefix(s, stem) }) {
				continue
			} else if stem != name && stem != under && stem != seen {
				t.Errorf("pressed %s over %s, and %s was approved", name, under, stem)
			}
			hits++
		}
	}
	t.Logf("%d of 200 presses approved something", hits)
	if hits < 20 { // the others came while the list had just moved
		t.Error("too few for the test to tell anything")
	}
}

// watchShifts has the page keep what moved on the screen though nobody had pressed anything.
func (b *tab) watchShifts() {
	b.l.t.Helper()
	b.eval(`(() => { window.shift = ''; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) shift += e.value + e.sources.map(s => ' ' + (s.node?.outerHTML ?? s.node?.data ?? '').slice(0, 80) + ' in ' + s.node?.parentNode?.className).join() + '; ' }).observe({ type: 'layout-shift', buffered: true }) })()`)
}

// TestNothingShifts: the script's start, the word that the page is live, a miss, one that is asked for again, one that a shell or another operator decides
// and what they change in the head move nothing that is on the screen; neither does a press, and what
// it leaves when its time is over.
func TestNothingShifts(t *testing.T) {
	l := newLab(t)
	for i := range 30 {
		l.miss(fmt.Sprintf("/%02d.bin", i))
	}
	for i := range 4 {
		l.missOf(fmt.Sprintf("https://a.example/%d.bin", i))
		l.missOf(fmt.Sprintf("https://b.example/%d.bin", i))
	}
	b := l.tab()
	for n, page := range []string{"/misses", "/", "/misses?sort=demand"} {
		b.run(chromedp.MouseEvent("mouseMoved", 5, 5))
		b.open(page)
		b.live()
		b.hourglass()
		b.watchShifts()
		still := func(what string) {
			t.Helper()
			b.eval(`new Promise(done => setTimeout(done, 1500))`)
			if shift := b.eval(`shift`); shift != "" {
				t.Errorf("%s shifts at %s by %s", page, what, shift)
			}
			b.eval(`shift = ''`)
		}
		l.miss(fmt.Sprintf("/new%d.bin", n))
		l.missOf(fmt.Sprintf("https://a.example/new%d.bin", n))
		for range 5 {
			l.miss("/17.bin")
		}
		l.sh(fmt.Sprintf("echo %s/slow/s%d.bin > queue/s.job", l.origin.URL, n))
		l.eventually("it runs", func() bool { return len(l.names("active")) > 0 })
		b.until(`document.querySelector('a[href="downloads?state=running"] b').textContent !== '0'`)
		still("arrivals")

		first := b.eval(`document.querySelector('#l-misses .row').id`)
		l.sh("rm misses/" + b.eval(`document.querySelector('#l-misses .row input').value.split('@')[0]`))
		b.until(`!document.getElementById('` + first + `')`)
		still("a departure")

		rows := b.rows("#l-misses")
		b.eval(`window.hand = setInterval(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Shift', bubbles: true })), 500)`)
		l.eventually("a press is taken", func() bool { // not while something else has just moved
			x, y := b.at(`document.querySelector('#l-misses .row .acts button')`)
			b.run(chromedp.MouseEvent("mouseMoved", x, y), chromedp.MouseClickXY(x, y))
			return b.eval(`new Promise(done => setTimeout(() => done(Boolean(document.querySelector('#l-misses .row.acted'))), 500))`) == "true"
		})
		b.until(`document.querySelector('#l-misses .row .undo')`)
		l.sh("mv misses/" + b.eval(`document.querySelector('#l-misses .row:not(.acted) input').value.split('@')[0]`) + " denied/")
		b.until(`document.querySelector('#l-misses .row.gone')`)
		b.eval(`window.over()`)
		b.until(`document.querySelectorAll('#l-misses .row.gone').length === 2`)
		if b.eval(`[...document.querySelectorAll('.row.gone button, .row.gone summary')].filter(e => e.checkVisibility({ visibilityProperty: true })).length`) != "0" {
			t.Errorf("%s: what is gone has buttons: %s", page, b.eval(`document.querySelector('.row.gone').innerText`))
		}
		if now := b.rows("#l-misses"); now != rows {
			t.Errorf("%s: under the pointer the rows were %s and are %s", page, rows, now)
		}
		still("a press")
		b.run(chromedp.MouseEvent("mouseMoved", 5, 5))
		b.eval(`clearInterval(hand)`)
		b.until(`!document.querySelector('.row.gone')`)
		still("the end of what was pressed")
	}
	b.quiet()
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
