package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAimedAt: while the pointer is on its way to a button no client puts another one under it, by a further signature of that
// URL or by a miss of another; once it rests or leaves, the page shows what there is.
func TestAimedAt(t *testing.T) {
	const signed = "/slow/b.bin?AWSAccessKeyId=k&Expires=1700000000&Signature="
	l := newLab(t)
	l.miss(signed + "good")
	b := l.tab()
	b.open("/misses")
	b.live()
	b.eval(`(() => { const now = Date.now(); window.was = Date.now; Date.now = () => now })()`) // the pointer never rests
	x, y := b.at(`[...document.querySelectorAll('#l-misses .row button')].find(b => b.textContent === 'Approve')`)
	b.run(chromedp.MouseEvent("mouseMoved", x, y))
	l.miss(signed + "evil")
	l.miss("/c.bin")
	b.until(`document.querySelector('#sum').textContent.includes('2 misses waiting')`)
	b.until(`document.querySelectorAll('#l-misses .row').length === 1`)
	b.run(chromedp.MouseClickXY(x, y))
	l.eventually("it is being fetched", func() bool { return len(l.names("active")) == 1 })
	l.sh(`grep -q ' approve web .*Signature=good$' active/*`)
	b.eval(`Date.now = () => window.was() + 3600000`)
	b.until(`document.querySelectorAll('#l-misses .row').length === 2`)
}
