package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// furnished is a lab with something on every page, and the addresses of its pages by name.
func furnished(t *testing.T) (l *lab, pages map[string]string) {
	l = newLab(t)
	for i, n := range []int{3, 1, 7, 1, 1, 2, 1} {
		for range n {
			l.miss(fmt.Sprintf("/compute/%d/installers/driver_%d.run", i, i))
		}
	}
	l.sh("for n in 1 2; do curl -s -o /dev/null " + l.url + "/m/https/developer.download.hardware-vendor.example/cuda/12.8.1/local_installers/cuda_12.8.1_570.124.06_linux.run; done")
	for _, p := range []string{"/fw/mft-4.30.0.bin", "/models/weights-00001.data", "/moved/three.iso", "/gone.bin", "/slow/model.data"} {
		l.add(p)
	}
	l.eventually("all is fetched", func() bool {
		return len(l.names("done")) == 3 && len(l.names("failed")) == 1 && len(l.names("active")) == 1
	})
	l.shares()
	l.rules()
	b := l.tab()
	b.open("/")
	return l, map[string]string{
		"home": "/", "misses": "/misses", "misses-last": "/misses?sort=last", "downloads": "/downloads", "failed": "/downloads?state=failed",
		"artifacts": "/artifacts", "artifact": b.leads(`document.querySelector('#l-meta a')`), "job": b.leads(`document.querySelector('#l-failed a')`),
		"add": "/add", "savings": "/stats", "rules": "/rules", "search": "/search?q=run", "search-none": "/search?q=nosuchthing",
		"filter-none": "/misses?q=nosuchthing", "error": "/artifacts/nothing",
	}
}

// media emulates what a person has set in the system, as "forced-colors: active".
func (b *tab) media(features ...string) {
	b.l.t.Helper()
	var list []*emulation.MediaFeature
	for i := 0; i < len(features); i += 2 {
		list = append(list, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: list})
}

// TestGallery keeps a picture of each page as it is with forced colours, light and dark, with reduced
// motion, and with a menu open, and axe-core finds nothing on any of them, at a desk and on a phone.
func TestGallery(t *testing.T) {
	l, pages := furnished(t)
	source := axe(t)
	b := l.tab()
	states := map[string][]string{
		"":             {"prefers-color-scheme", "light"},
		"-dark":        {"prefers-color-scheme", "dark", "prefers-reduced-motion", "reduce"},
		"-forced":      {"forced-colors", "active", "prefers-color-scheme", "light"},
		"-forcednight": {"forced-colors", "active", "prefers-color-scheme", "dark"},
	}
	for name, path := range pages {
		for width, size := range map[int64]string{1440: "", 390: "-phone"} {
			b.size(width)
			b.media(states[""]...)
			b.open(path)
			b.live()
			for state, features := range states {
				b.media(features...)
				b.whole(width)
				b.shoot("gallery-" + name + size + state)
				b.size(width)
			}
			b.run(chromedp.Evaluate[chromedp.Void](source))
			for _, state := range []string{"", "-dark"} {
				b.media(states[state]...)
				b.eval(`document.querySelectorAll('details').forEach(e => { e.open = !e.matches('.menu') })`)
				if found := b.violations("document"); found != "" {
					t.Errorf("%s%s%s: %s", name, size, state, found)
				}
				if b.eval(`(e => { if (e) e.open = true; return Boolean(e) })([...document.querySelectorAll('main .menu')].at(-1))`) == "false" {
					continue
				}
				if found := b.violations("'.menu[open]'"); found != "" {
					t.Errorf("the menu of %s%s%s: %s", name, size, state, found)
				}
				b.whole(width)
				b.shoot("gallery-" + name + size + state + "-menu")
				b.size(width)
			}
			if cut := b.menus(); cut != "" {
				t.Errorf("%s%s: what is in a menu can't be pressed: %s", name, size, cut)
			}
			if wide := b.eval(`document.documentElement.scrollWidth > innerWidth`); wide == "true" {
				t.Errorf("%s is wider than %d", name, width)
			}
		}
	}
	b.quiet()
}

// menus opens each menu of the page in its turn, and returns what can't be pressed in it.
func (b *tab) menus() string {
	b.l.t.Helper()
	return b.eval(`(async () => { const cut = []
		for (const menu of document.querySelectorAll('main .menu')) {
			menu.open = true
			await new Promise(requestAnimationFrame)
			for (const e of menu.querySelectorAll('.box > button, .box > a, .sh > summary')) {
				e.scrollIntoView({ block: 'nearest' })
				await new Promise(requestAnimationFrame)
				const r = e.getBoundingClientRect(), over = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2)
				if (!e.contains(over)) cut.push(menu.closest('.row')?.innerText.slice(0, 30) + ': ' + e.textContent + ' below ' + over?.outerHTML.slice(0, 60))
			}
		}
		return cut.slice(0, 3).join('; ') })()`)
}

// TestDialogs: axe-core finds nothing in the questions that pages ask, nor on the sign-in.
func TestDialogs(t *testing.T) {
	l := newLab(t, "FROMCACHE_ADMIN_PASSWORD=correct")
	source := axe(t)
	b := l.tab()
	check := func(name string) {
		t.Helper()
		for _, dark := range []bool{false, true} {
			for width, size := range map[int64]string{1280: "", 390: "-phone"} {
				b.size(width)
				b.scheme(dark)
				b.run(chromedp.Evaluate[chromedp.Void](source))
				if found := b.violations("document"); found != "" {
					t.Errorf("%s%s, dark %v: %s", name, size, dark, found)
				}
				b.shoot(fmt.Sprintf("gallery-%s%s-dark-%v", name, size, dark))
			}
		}
		b.size(1280)
	}
	b.open("/ui/login")
	check("signin")
	b.run(chromedp.SendKeys("#password", "wrong\r"))
	b.text("That is not the password.")
	check("signin-wrong")
	b.run(chromedp.SendKeys("#password", "correct\r"))
	b.until(`document.querySelector('.open-pages')`)
	b.live()
	b.run(chromedp.KeyEvent("?"))
	b.until(`document.querySelector('#keys').open`)
	check("keys")
	l.add("/held.bin")
	l.eventually("it is held", func() bool { return len(l.names("meta")) == 1 })
	b.open("/artifacts")
	b.live()
	b.press("#l-meta", "Evict")
	b.until(`document.querySelector('#ask')?.open`)
	check("question")
	b.press("#ask", "No")
	b.until(`!document.querySelector('#ask')`)
	b.quiet()
}
