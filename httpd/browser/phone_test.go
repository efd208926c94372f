package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPhoneMenu: on a phone the pages are behind one button, with and without JavaScript. Escape and a
// press outside shut it, and at a desk there is no such button.
func TestPhoneMenu(t *testing.T) {
	l := newLab(t, "FROMCACHE_ADMIN_PASSWORD=correct")
	for _, script := range []bool{true, false} {
		b := l.tab()
		b.size(390)
		if !script {
			b.noScript()
		}
		b.open("/ui/login")
		b.run(chromedp.SendKeys("#password", "correct\r"))
		b.until(`document.querySelector('.open-pages')`)
		shown := func() string {
			return b.eval(`[...document.querySelectorAll('#pages a, #pages button')].filter(e => e.checkVisibility()).length`)
		}
		if n := shown(); n != "0" {
			t.Errorf("script %v: %s pages are shown before the menu is opened", script, n)
		}
		x, y := b.at(`document.querySelector('.open-pages')`)
		b.run(chromedp.MouseClickXY(x, y))
		b.until(`document.querySelector('#pages').matches(':popover-open')`)
		if small := b.eval(`[...document.querySelectorAll('#pages a, #pages button')].filter(e => e.offsetHeight < 44 || e.getBoundingClientRect().bottom > innerHeight).map(e => e.textContent)`); small != "" || shown() != "7" {
			t.Errorf("script %v: small or cut: %q, %s pages", script, small, shown())
		}
		if script {
			for _, dark := range []bool{false, true} {
				b.scheme(dark)
				b.run(chromedp.Evaluate[chromedp.Void](axe(t)))
				if found := b.violations("document"); found != "" {
					t.Errorf("dark %v: %s", dark, found)
				}
				b.shoot(fmt.Sprintf("menu-phone-dark-%v", dark))
			}
			b.run(chromedp.KeyEvent("\x1b"))
			b.until(`!document.querySelector('#pages').matches(':popover-open')`)
			b.run(chromedp.MouseClickXY(x, y))
			b.until(`document.querySelector('#pages').matches(':popover-open')`)
			b.run(chromedp.MouseClickXY(195, 300))
			b.until(`!document.querySelector('#pages').matches(':popover-open')`)
		}
		b.open("/misses")
		x, y = b.at(`document.querySelector('.open-pages')`)
		b.run(chromedp.MouseClickXY(x, y))
		b.until(`document.querySelector('#pages').matches(':popover-open')`)
		b.click(`#pages a[href="rules"]`)
		b.until(`location.pathname === '/rules' && document.querySelector('#pages [aria-current]').textContent === 'Rules'`)
		b.size(1280)
		b.until(`!document.querySelector('.open-pages').checkVisibility() && getComputedStyle(document.querySelector('#pages [aria-current]')).borderBottomColor !== 'rgba(0, 0, 0, 0)'`)
		b.quiet()
	}
}
