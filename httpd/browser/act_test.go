package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestSignIn: signed out the pages say nothing, and the stream neither.
func TestSignIn(t *testing.T) {
	l := newLab(t, "FROMCACHE_ADMIN_PASSWORD=open sesame")
	l.miss("/a.bin")
	b := l.tab()
	b.open("/misses")
	b.until(`location.pathname === '/ui/login'`)
	if text := b.eval(`document.body.innerText`); strings.Contains(text, "a.bin") || strings.Contains(text, "misses") {
		t.Errorf("signed out it says %s", text)
	}
	if code := b.eval(`fetch('/events').then(r => r.status)`); code != "401" {
		t.Errorf("the stream, signed out: %s", code)
	}
	b.write("#password", "open\u00a0sesame")
	b.press("main", "Sign in")
	b.text("That is not the password.")
	b.write("#password", "open sesame")
	b.press("main", "Sign in")
	b.text("/a.bin")
	b.live()
	b.press(".ends", "Sign out")
	b.until(`location.pathname === '/ui/login'`)
	b.quiet()
}

func (b *tab) write(selector, text string) {
	b.l.t.Helper()
	b.until(`document.querySelector('` + selector + `')`)
	b.eval(`document.querySelector('` + selector + `').value = ''`)
	b.run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// TestActions: every button, on a page that stays where it is.
func TestActions(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"/a.bin", "/b.bin", "/c.bin", "/d.bin", "/e.bin", "/moved/f.bin"} {
		l.miss(p)
	}
	b := l.tab()
	b.open("/misses")
	b.live()
	b.eval(`window.stays = 1`)
	b.press(li("/moved/f.bin"), "Ask the origin")
	b.text("application/octet-stream")
	b.until(`document.querySelector('.origin time')?.title.startsWith('2026-11-03')`)
	b.text("after 1 redirect")
	b.eval(`document.querySelector('#l-misses .row .sh summary').click()`)
	b.until(`document.querySelector('#l-misses .sh[open] code')?.textContent.match(/^mv -n misses\/\S+ queue\/$/)`)
	b.press("#l-misses .sh[open] li", "Copy")
	b.until(`document.querySelector('#l-misses .sh[open] .copy').textContent !== 'Copy'`)
	b.press(li("/a.bin"), "Approve")
	b.text("Approved 127.0.0.1")
	b.goneFrom("misses", "a.bin")
	b.press(li("/b.bin"), "Dismiss")
	b.goneFrom("misses", "b.bin")
	b.press(li("/c.bin"), "Deny")
	b.goneFrom("misses", "c.bin")
	b.eval(`[...document.querySelectorAll('#l-misses .pick input')].slice(0, 2).forEach(e => e.click())`)
	b.press("#bulk", "Approve")
	b.text("Approved 2 of 2")
	b.until(`document.querySelectorAll('#l-misses .row').length === 1`)
	b.eval(`document.querySelector('details.all').open = true`)
	b.until(`document.querySelector('details.all button')?.textContent.includes('all 1')`)
	b.press("details.all", "Approve all 1")
	b.until(`document.querySelectorAll('#l-misses .row').length === 0`)
	if b.eval(`window.stays`) != "1" {
		t.Error("the page was loaded anew")
	}
	l.eventually("four are held", func() bool { return len(l.names("meta")) == 4 })
	if n := l.names("denied"); len(n) != 1 || !strings.Contains(n[0], "c.bin") {
		t.Errorf("denied: %v", n)
	}
	b.downloads()
	b.artifact()
	b.quiet()
}

// logs are the texts of the job files of a directory.
func (l *lab) logs(dir string) (text string) {
	for _, name := range l.names(dir) {
		b, _ := os.ReadFile(filepath.Join(l.dir, dir, name))
		text += string(b)
	}
	return text
}

func (b *tab) downloads() {
	l := b.l
	b.open("/add")
	b.write("textarea[name=url]", l.origin.URL+"/gone.bin\n"+l.origin.URL+"/slow/s.bin\n")
	b.press("section", "Fetch")
	b.text("Queued 2 of 2")
	b.open("/downloads")
	b.live()
	b.until(`document.querySelectorAll('#l-active > li').length === 1 && document.querySelector('#l-active').innerText.includes('/slow/s.bin')`)
	b.press("#l-active > li", "Cancel")
	b.until(`document.querySelector('#l-cancelled')?.innerText.includes('/slow/s.bin')`)
	b.text("check the URL")
	b.press("#l-failed > li", "Retry")
	l.eventually("it has failed again", func() bool { return strings.Count(l.logs("failed"), " failed ") == 2 })
	b.until(`document.querySelector('#l-failed')?.innerText.includes('404')`)
	b.until(`!document.querySelector('#l-failed .acted')`) // it was greyed for a while
	b.press("#l-failed > li", "Dismiss")
	b.until(`document.querySelectorAll('#l-failed > li').length === 0`)
	b.press("#page", "Clear finished")
	b.until(`document.querySelectorAll('#l-done > li, #l-cancelled > li').length === 0`)
}

// artifact: found by a search, looked at, fetched again, evicted.
func (b *tab) artifact() {
	l := b.l
	b.open("/artifacts")
	b.live()
	b.write("input[type=search]", "D.BIN")
	b.until(`document.querySelectorAll('#l-meta tr').length === 1`)
	b.until(`location.search === '?q=D.BIN'`)
	b.eval(`document.querySelector('#l-meta a').click()`)
	b.text("curl -fLO")
	b.live()
	b.eval(`document.querySelector('#more').open = true`)
	b.text("The origin's header")
	if sum := b.eval(`fetch(document.querySelector('#more .copyable code').textContent).then(r => r.headers.get('X-Fromcache-Sha256'))`); !strings.Contains(b.eval(`document.body.innerText`), sum) {
		l.t.Errorf("the address in the cache gives %s", sum)
	}
	b.press("main", "Fetch again")
	b.text("Queued 127.0.0.1")
	l.eventually("it is fetched again", func() bool { return len(l.names("done")) == 1 })
	b.press("main", "Evict")
	b.press("#ask", "Evict")
	b.text("Evicted 127.0.0.1")
	l.eventually("it is evicted", func() bool { return len(l.names("meta")) == 3 })
}

func li(path string) string { return `li:has(input[aria-label$="` + path + `"])` }

func (b *tab) goneFrom(dir, name string) {
	b.l.t.Helper()
	b.until(`![...document.querySelectorAll('#l-` + dir + ` .row')].some(e => e.innerText.includes('` + name + `'))`)
}

// TestUpload: a file of some size, with and against its digest.
func TestUpload(t *testing.T) {
	l := newLab(t)
	name := filepath.Join(t.TempDir(), "firmware.bin")
	body := []byte(strings.Repeat("0123456789abcdef", 3<<16))
	l.must(os.WriteFile(name, body, 0o600))
	sum := sha256.Sum256(body)
	b := l.tab()
	b.open("/add")
	b.live()
	for _, c := range []struct{ digest, says string }{
		{strings.Repeat("0", 64), "was expected: it was not kept"},
		{hex.EncodeToString(sum[:]), "Held vendor.example--firmware.bin"},
	} {
		b.write("form[data-upload] [name=url]", "https://vendor.example/firmware.bin")
		b.write("form[data-upload] [name=sha256]", c.digest)
		b.run(chromedp.SetUploadFiles(chromedp.CSS("[type=file]"), []string{name}))
		b.press("form[data-upload]", "Upload")
		b.text(c.says)
	}
	if n := l.names("blobs"); len(n) != 1 || n[0] != hex.EncodeToString(sum[:]) {
		t.Errorf("blobs: %v", n)
	}
	b.quiet()
}

// TestNoScript: every form works in a browser without JavaScript.
func TestNoScript(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"/a.bin", "/b.bin", "/c.bin"} {
		l.miss(p)
	}
	name := filepath.Join(t.TempDir(), "firmware.bin")
	l.must(os.WriteFile(name, []byte("carried in"), 0o600))
	b := l.tab()
	b.noScript()
	b.open("/misses")
	b.click("#l-misses .row .menu summary")
	b.click("#l-misses .row [formaction='admin/ask']")
	b.says("What the origin says")
	b.open("/misses")
	b.click("#l-misses .row [formaction='admin/approve']")
	b.says("Approved 127.0.0.1")
	b.click("#l-misses .pick input[type=checkbox]")
	b.click("#bulk [formaction='admin/deny']")
	b.says("Denied 127.0.0.1")
	b.click("details.all summary")
	b.click("details.all [formaction='admin/dismiss']")
	b.says("Dismissed 127.0.0.1")
	l.eventually("it is held", func() bool {
		return len(l.names("meta")) == 1 && len(l.names("misses")) == 0 && len(l.names("denied")) == 1
	})
	b.open("/artifacts?sort=name")
	b.click("#l-meta a.name")
	b.says("curl -fLO")
	b.click("[formaction='admin/again']")
	b.says("Queued 127.0.0.1")
	b.click(".head .menu summary")
	b.click(".head [formaction='admin/evict']")
	b.says("Are you sure?")
	b.click("form[action='admin/evict'] button")
	b.says("Evicted")
	b.open("/add")
	b.run(chromedp.SendKeys(chromedp.CSS("form[enctype] [name=url]"), "https://vendor.example/x.bin"), chromedp.SetUploadFiles(chromedp.CSS("[type=file]"), []string{name}))
	b.click("form[enctype] button")
	b.says("Held vendor.example")
	b.open("/stats")
	b.says("Bytes a day")
	b.quiet()
}

func (b *tab) click(selector string) {
	b.l.t.Helper()
	time.Sleep(1200 * time.Millisecond) // the buttons of a page that follows an action are dead for a second
	b.run(chromedp.Click(chromedp.CSS(selector)))
}

// says waits for words in a page that runs no script.
func (b *tab) says(words string) {
	b.l.t.Helper()
	var body string
	b.l.eventually("the page says "+words, func() bool {
		body, _ = chromedp.Run(b.ctx, chromedp.OuterHTML(chromedp.CSS("html")))
		return strings.Contains(body, words)
	})
}
