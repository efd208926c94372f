package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// What a press does to the row that it was meant for, and to no other.

// at is the middle of an element, for the mouse.
func (b *tab) at(js string) (x, y float64) {
	b.l.t.Helper()
	b.until(js)
	where := b.eval(`(r => (r.left + r.width / 2) + ' ' + (r.top + r.height / 2))((` + js + `).getBoundingClientRect())`)
	first, second, _ := strings.Cut(where, " ")
	x, err := strconv.ParseFloat(first, 64)
	b.l.must(err)
	y, err = strconv.ParseFloat(second, 64)
	b.l.must(err)
	return x, y
}

// button is that of a row which says so.
func button(row, says string) string {
	return fmt.Sprintf(`[...(document.querySelector(%q)?.querySelectorAll('button') ?? [])].find(b => b.textContent === %q)`, row, says)
}

// hourglass has the ten seconds of a row be over when the test says so.
func (b *tab) hourglass() {
	b.l.t.Helper()
	b.eval(`(() => { const was = setTimeout; window.setTimeout = (f, ms) => ms === 10000 ? (window.over = f, 0) : was(f, ms) })()`)
}

// rows are the rows of a list with the places that they have.
func (b *tab) rows(list string) string {
	b.l.t.Helper()
	return b.eval(`[...document.querySelectorAll('` + list + ` .row')].map(e => e.id + '@' + Math.round(e.getBoundingClientRect().top) + '+' + e.offsetHeight).join(' ')`)
}

// TestDoubleClick: whether the browser calls it a double click or two, it
// approves one miss, whose row stays where it was until ten seconds are over.
func TestDoubleClick(t *testing.T) {
	for name, twice := range map[string][]chromedp.MouseOption{"double": {chromedp.ClickCount(2)}, "two": {chromedp.ClickCount(1)}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			for _, p := range []string{"/a.bin", "/slow/b.bin", "/c.bin"} {
				l.miss(p)
			}
			b := l.tab()
			b.open("/misses")
			b.live()
			b.hourglass()
			before := b.rows("#l-misses")
			x, y := b.at(button(li("/slow/b.bin"), "Approve"))
			b.run(chromedp.MouseClickXY(x, y))
			b.run(chromedp.MouseClickXY(x, y, twice...)) // before the answer, or after it
			b.until(`document.querySelector('.acted .fate')?.textContent.startsWith('Approved')`)
			b.run(chromedp.MouseClickXY(x, y, chromedp.ClickCount(1)))
			l.eventually("it is being fetched", func() bool { return len(l.names("active")) == 1 })
			b.run(chromedp.MouseEvent("mouseMoved", 5, 5))
			l.miss("/d.bin") // which comes to lie on top
			b.until(`document.querySelectorAll('#l-misses .row').length === 4`)
			if n := l.names("misses"); len(n) != 3 || len(l.names("queue"))+len(l.names("meta"))+len(l.names("cancelled")) != 0 {
				t.Errorf("still missed: %v; queued %v, cancelled %v", n, l.names("queue"), l.names("cancelled"))
			}
			l.sh("rm misses/*d.bin*")
			b.until(`document.querySelectorAll('#l-misses .row').length === 3`)
			if after := b.rows("#l-misses"); after != before {
				t.Errorf("the rows were %s and are %s", before, after)
			}
			b.until(`getComputedStyle(document.querySelector('.undo')).pointerEvents === 'auto'`)
			b.eval(`document.querySelector('.undo').click()`)
			l.eventually("it is cancelled", func() bool { return len(l.names("cancelled")) == 1 && len(l.names("active")) == 0 })
			b.until(`document.querySelectorAll('#l-misses .row').length === 3 && !document.querySelector('.acted')`) // the miss is back
			b.quiet()
		})
	}
}

// TestNothingIsPressedThroughAPage: without JavaScript a press loads the page
// anew, and its buttons are dead for a moment.
func TestNothingIsPressedThroughAPage(t *testing.T) {
	l := newLab(t)
	l.miss("/a.bin")
	l.miss("/b.bin")
	b := l.tab()
	b.open("/misses")
	b.eval(`fetch('/admin/dismiss?in=misses', { method: 'POST', body: new URLSearchParams({ key: document.querySelector('#l-misses .pick input').value.split('@')[0] }), redirect: 'manual' })`)
	b.open("/misses")
	got := b.eval(`(() => {
		const button = document.querySelector('#l-misses .row button')
		button.style.animation = 'none'
		button.offsetWidth
		button.style.animation = ''
		const dead = button.getAnimations()[0]
		dead.pause()
		dead.currentTime = 500
		const first = getComputedStyle(button).pointerEvents
		dead.finish()
		return first + ' ' + getComputedStyle(button).pointerEvents
	})()`)
	if got != "none auto" {
		t.Errorf("the buttons are %s", got)
	}
	if b.eval(`getComputedStyle(document.querySelector('#flash')).position`) != "fixed" {
		t.Error("the message takes the place of something")
	}
	b.quiet()
}

// TestAsked: an evict and the denial of a host are asked about once, and no is no.
func TestAsked(t *testing.T) {
	l := newLab(t)
	l.add("/a.bin")
	l.add("/b.bin")
	l.miss("/c.bin")
	l.eventually("both are held", func() bool { return len(l.names("meta")) == 2 })
	b := l.tab()
	b.open("/artifacts")
	b.live()
	b.until(`document.querySelectorAll('#l-meta tr').length === 2`)
	b.hourglass()
	menus := `document.querySelectorAll('#l-meta .menu').forEach(e => { e.name = ''; e.open = true })`
	b.eval(menus)
	x, y := b.at(button("#l-meta tr", "Evict"))
	b.run(chromedp.MouseClickXY(x, y), chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	b.until(`document.querySelector('#ask')?.open`)
	b.press("#ask", "No")
	b.until(`!document.querySelector('#ask')`)
	if n := l.names("meta"); len(n) != 2 {
		t.Errorf("held: %v", n)
	}
	b.eval(menus)
	b.run(chromedp.MouseClickXY(x, y))
	b.press("#ask", "Evict")
	b.until(`document.querySelector('#l-meta tr .fate')?.textContent.startsWith('Evicted')`)
	b.run(chromedp.MouseClickXY(x, y, chromedp.ClickCount(1)))
	if n := l.names("meta"); len(n) != 1 || b.eval(`document.querySelectorAll('#l-meta tr').length + ' ' + Boolean(document.querySelector('#ask'))`) != "2 false" {
		t.Errorf("held: %v, and a second row was asked about: %s", n, b.eval(`document.querySelector("#l-meta").outerHTML`))
	}
	b.open("/misses")
	b.live()
	b.eval(`document.querySelector('details.tail').open = true`)
	b.write("details.tail [name=key]", "*.example.com")
	b.press("details.tail", "Deny")
	b.until(`document.querySelector('#ask')?.textContent.includes('Deny all of *.example.com?')`)
	b.press("#ask", "Deny")
	b.text("Denied *.example.com")
	l.eventually("it is denied", func() bool { return len(l.names("denied")) == 1 })
	b.quiet()
}

// TestPublishedDigest: what is published beside a file is looked for when asked, for one and for a
// selection, shown in the row, taken as the digest that the download must have, and compared with what
// is held on the page of the artifact.
func TestPublishedDigest(t *testing.T) {
	l := newLab(t)
	sum := func(path string) string {
		s := sha256.Sum256([]byte(strings.Repeat(path+"\n", 100)))
		return hex.EncodeToString(s[:])
	}
	wrong := strings.Repeat("0a", 32)
	l.origin.says("/good/SHA256SUMS", "text/plain", sum("/good/x.run")+"  x.run\n")
	l.origin.says("/bad/SHA256SUMS", "text/plain", wrong+"  x.run\n")
	l.origin.says("/odd/SHA256SUMS", "text/plain", wrong+"  x.run\n"+sum("/odd/x.run")+"  x.run\n")
	for _, dir := range []string{"good", "bad", "odd"} {
		for _, name := range []string{".sha256", ".sha256sum", ".asc", ".sig"} {
			l.origin.says("/"+dir+"/x.run"+name, "text/html", "<p>not found")
		}
		for _, name := range []string{"SHA256SUMS.txt", "sha256sum.txt", "sha256sums.txt", "CHECKSUMS", "CHECKSUMS.txt", "checksums.txt"} {
			l.origin.says("/"+dir+"/"+name, "text/html", "<p>not found")
		}
		l.miss("/" + dir + "/x.run")
	}
	b := l.tab()
	b.open("/misses")
	b.live()
	b.press(li("/good/x.run"), "Look for digests")
	b.until(`document.querySelector('` + li("/good/x.run") + ` .beside')?.innerText.includes('published in SHA256SUMS beside it, by 127.0.0.1 over http')`)
	for _, row := range []string{"/bad/x.run", "/odd/x.run"} {
		b.eval(`document.querySelector('` + li(row) + ` .pick input').click()`)
	}
	b.press("#bulk", "Look for digests")
	b.until(`document.querySelector('` + li("/odd/x.run") + ` .beside')?.innerText.includes('SHA256SUMS names several digests')`)
	if b.eval(button(li("/odd/x.run"), "Approve with this digest")) != "undefined" {
		t.Error("one of several digests can be taken")
	}
	b.eval(`document.querySelectorAll('.pick input').forEach(e => { e.checked = false })`)
	for _, dark := range []bool{false, true} {
		b.picture("digests", 1440, dark)
		b.picture("digests-phone", 390, dark)
	}
	for _, row := range []string{"/good/x.run", "/bad/x.run"} {
		b.press(li(row), "Approve with this digest")
	}
	l.eventually("one is held", func() bool { return len(l.names("meta")) == 1 && len(l.names("failed")) == 1 })
	l.sh("grep -q '^sha256 " + sum("/good/x.run") + "$' done/*; grep -q '^sha256 " + wrong + "$' failed/*")
	l.origin.says("/good/SHA256SUMS", "text/plain", wrong+"  x.run\n")
	for _, c := range []string{"What is held is another", "it is what is held"} {
		b.open("/artifacts")
		b.eval(`document.querySelector('#l-meta a.name').click()`)
		b.text("curl -fLO")
		b.live()
		b.press("main", "Look for digests")
		b.text(c)
		l.origin.says("/good/SHA256SUMS", "text/plain", sum("/good/x.run")+"  x.run\n")
	}
	b.picture("artifact-digests", 1440, false)
	b.quiet()
	b.noScript()
	b.open("/misses")
	b.click("#l-misses .row .menu summary")
	b.click("#l-misses .row [formaction='admin/digests']")
	b.says("names several digests")
}

// TestUndoEach: an evict, a rule that was removed and a denial that was taken back are undone in their
// rows, and by the message of a page without JavaScript.
func TestUndoEach(t *testing.T) {
	l := newLab(t)
	l.add("/a.bin")
	l.eventually("it is held", func() bool { return len(l.names("meta")) == 1 })
	l.sh("echo 'max-size 1GiB' > allowed/dl.example; : > denied/ads.example")
	state := func() string { return fmt.Sprint(l.names("meta", "allowed", "denied")) }
	before := state()
	b := l.tab()
	for _, c := range []struct{ page, row, verb, did string }{
		{"/artifacts", "#l-meta tr", "Evict", "Evicted"},
		{"/rules", "#l-allowed .row", "Remove", "Removed"},
		{"/rules", "#l-denied .row", "Take back", "Took"},
	} {
		b.open(c.page)
		b.live()
		b.press(c.row, c.verb)
		if c.verb == "Evict" {
			b.press("#ask", "Evict")
		}
		b.until(`document.querySelector('` + c.row + ` .fate')?.textContent.startsWith('` + c.did + `')`)
		if state() == before {
			t.Errorf("%s did nothing", c.verb)
		}
		b.press(c.row, "Undo")
		l.eventually("it is as before", func() bool { return state() == before })
		b.until(`document.querySelector('` + c.row + `:not(.acted, .gone)')`)
	}
	b.quiet()
	b.noScript()
	b.open("/artifacts")
	b.click("#l-meta .menu summary")
	b.click("#l-meta [formaction='admin/evict']")
	b.says("Are you sure?")
	b.click("form[action='admin/evict'] button")
	b.says("Evicted")
	b.click("#flash button")
	b.says("Undone")
	if state() != before {
		t.Errorf("without JavaScript: %s, and before %s", state(), before)
	}
}

// TestAdvice: the reason of a failure says what to add, and a press adds it.
func TestAdvice(t *testing.T) {
	l := newLab(t)
	l.origin.says("/page.run", "text/html", "<!doctype html><title>x</title>")
	l.add("/page.run")
	b := l.tab()
	b.open("/downloads")
	b.live()
	b.hourglass()
	b.press("#l-failed > li", "Accept text/html and retry")
	l.eventually("it is held", func() bool { return len(l.names("meta")) == 1 })
	b.until(`document.querySelector('#l-failed .fate')?.textContent.startsWith('Retried')`)
	b.eval(`window.over()`)
	b.until(`document.querySelectorAll('#l-failed > li').length === 0`)
	b.quiet()
}

// TestNeighbours: of two rows side by side that were acted on, each leaves when its own ten seconds
// are over, and nothing stays in its place.
func TestNeighbours(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"/a.bin", "/b.bin", "/c.bin"} {
		l.miss(p)
	}
	b := l.tab()
	b.open("/")
	b.live()
	b.eval(`(() => { const was = setTimeout; window.overs = []; window.setTimeout = (f, ms) => ms === 10000 ? (overs.push(f), 0) : was(f, ms) })()`)
	kept := b.eval(`document.querySelector('#l-misses .row').id`)
	for _, row := range []string{"2", "3"} {
		b.press("#l-misses .row:nth-child("+row+")", "Dismiss")
		b.until(`document.querySelector('#l-misses .row:nth-child(` + row + `) .fate')?.textContent.startsWith('Dismissed')`)
	}
	b.eval(`overs.shift()()`)
	b.until(`document.querySelectorAll('#l-misses .row').length === 2`)
	if words := b.eval(`document.querySelector('#l-misses .row:nth-child(2)').innerText`); !strings.Contains(words, ".bin") || !strings.Contains(words, "Dismissed") {
		t.Errorf("the second row says %q", words)
	}
	b.eval(`overs.shift()()`)
	b.until(`document.querySelectorAll('#l-misses .row').length === 1`)
	if id := b.eval(`document.querySelector('#l-misses .row').id`); id != kept {
		t.Errorf("%s stays, not %s", id, kept)
	}
	b.quiet()
}
