package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSearch: one field finds misses, jobs and artifacts by each that is known of them, with their
// buttons, with and without JavaScript, and what strangers chose is text.
func TestSearch(t *testing.T) {
	l := newLab(t)
	l.miss("/wanted/driver-9.run?v=%3Cimg%20src%3Dx%20onerror%3D%22window.evil%3D1%22%3E")
	l.add("/held/model-7.data")
	l.add("/gone.bin")
	l.miss("/asked/tool-3.bin")
	l.eventually("the misses are written", func() bool { return len(l.names("misses")) == 2 })
	l.sh("mv misses/*tool-3* queue/")
	l.eventually("all is fetched", func() bool { return len(l.names("done")) == 2 && len(l.names("failed")) == 1 })
	b := l.tab()
	b.open("/artifacts")
	digest := b.eval(`[...document.querySelectorAll('#l-meta tr')].find(e => e.innerText.includes('model-7')).querySelector('.hash').title`)
	still := l.tab()
	still.noScript()
	host := strings.TrimPrefix(l.origin.URL, "http://")
	rows := func(q string) string {
		still.open("/search?q=" + url.QueryEscape(q))
		return still.eval(`['#l-misses .row', '#l-jobs > li', '#l-meta > tr'].map(s => document.querySelectorAll(s).length).join(' ')`)
	}
	for _, c := range []struct{ field, q, want string }{
		{"URL", l.origin.URL, "1 3 2"}, {"whole URL", l.origin.URL + "/held/model-7.data", "0 1 1"}, {"host", host, "1 3 2"},
		{"name of a miss", "DRIVER-9", "1 0 0"}, {"name of a job", "gone.bin", "0 1 0"}, {"name of an artifact", "model-7", "0 1 1"},
		{"key", strings.TrimSuffix(l.names("failed")[0], ".job"), "0 1 0"},
		{"digest", digest, "0 1 1"}, {"begin of a digest", digest[:12], "0 1 1"},
		{"client", "127.0.0.1", "1 3 2"}, {"tool", "curl/8.5", "1 1 1"}, {"nothing", "nosuchthing", "0 0 0"},
	} {
		if got := rows(c.q); got != c.want {
			t.Errorf("by %s: %s misses, jobs, artifacts, want %s", c.field, got, c.want)
		}
	}
	still.says("Nothing matches")
	still.says(`can be <a href="add">added</a>`)
	rows(`"><img src=x onerror="window.evil=1">`)
	if got := still.eval(`document.querySelectorAll('main img, header img').length`); got != "0" {
		t.Errorf("%s elements that a search has made", got)
	}

	b.open("/misses")
	b.live()
	b.run(chromedp.KeyEvent("/"))
	b.until(`document.activeElement.matches('.find input')`)
	b.eval(`document.activeElement.select()`) // chromedp sends the letter of a key that was taken, too
	b.run(chromedp.KeyEvent("driver\r"))
	b.until(`location.pathname === '/search' && location.search === '?q=driver'`)
	b.live()
	b.run(chromedp.KeyEvent("j")) // from the field to the first row
	if got := b.eval(`document.activeElement.closest('#l-misses .row') !== null`); got != "true" {
		t.Error("j does not go to the first row that was found")
	}
	b.press("#l-misses", "Approve")
	b.text("Approved")
	l.eventually("the miss was approved", func() bool { return len(l.names("misses")) == 0 })
	l.miss("/wanted/driver-10.run")
	b.judged("/search?q=" + url.QueryEscape(host))
	b.pictures("search", "/search?q="+url.QueryEscape(host))
	b.judged("/search")
	if evil := b.eval(`window.evil`); evil != "undefined" {
		t.Error("a URL runs")
	}
	b.quiet()
}

// TestProvenance: an artifact's page says in three lines what it is, that it is whole and whence it
// came, has its versions, and is whole on paper.
func TestProvenance(t *testing.T) {
	l := newLab(t)
	for i, body := range []string{"one", "the second", "and the third version"} {
		l.origin.says("/tool.run", "application/x-tool", strings.Repeat(body, 1000))
		l.add("/tool.run")
		l.eventually("it is held", func() bool { return len(l.names("done")) == i+1 && len(l.names("queue"))+len(l.names("active")) == 0 })
	}
	b := l.tab()
	b.open("/artifacts")
	page := b.leads(`document.querySelector('#l-meta a')`)
	still := l.tab()
	still.noScript()
	still.open(page)
	for i, want := range []string{"20.5 KiB (21,000 bytes), application/x-tool", "Its bytes were hashed when they came, ", "Fetched from 127.0.0.1, "} {
		if got := still.eval(fmt.Sprintf(`document.querySelectorAll('.three dd')[%d].textContent`, i)); !strings.HasPrefix(got, want) {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
	if sizes := still.eval(`[...document.querySelectorAll('.timeline .num')].map(e => e.textContent).join(', ')`); sizes != "20.5 KiB, 9.8 KiB, 2.9 KiB" {
		t.Errorf("versions: %s", sizes)
	}
	if digests := still.eval(`new Set([...document.querySelectorAll('.timeline .hash')].map(e => e.textContent)).size`); digests != "3" {
		t.Errorf("%s digests", digests)
	}
	b.judged(page)
	b.pictures("artifact-page", page)
	b.open(page)
	b.paper("artifact")
	if when := b.eval(`getComputedStyle(document.querySelector('.three time'), '::after').content`); !strings.HasPrefix(when, `"20`) {
		t.Errorf("on paper a time is %s", when)
	}
	b.quiet()
}
