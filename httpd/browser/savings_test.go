package browser

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// evil is a name in stats/ that is a formula to a spreadsheet and an element to a page.
const evil = `=1+1<img/src=x/onerror=window.evil=1>`

// shares makes days of numbers that have shares.
func (l *lab) shares() {
	l.t.Helper()
	l.sh(`for i in $(seq 0 40); do d=$(date -u -d "-$i days" +%F)
printf 'hits %d\nmisses %d\nserved-bytes %d\nfetched-bytes %d\ntimed-bytes 9000000000\ntimed-ms 600000\n' $((i*37%200+3)) $((i*13%40)) $(((i*i%97+9)*1000000000)) $((i%7*300000000)) > stats/$d
printf 'host/dl.vendor.example/served-bytes %d\nhost/dl.vendor.example/hits 2\nhost/dl.vendor.example/timed-bytes 9000000000\nhost/dl.vendor.example/timed-ms 600000\n' $((i*1000000000/40+7)) >> stats/$d
printf 'host/%s/served-bytes 5000\nnetwork/10.20.%d.0/24/served-bytes 4000000\nnetwork/10.20.%d.0/24/hits 1\nartifact/%s/served-bytes 77\n' '` + evil + `' $((i%3)) $((i%3)) '` + evil + `' >> stats/$d; done`)
}

// axe is the source of axe-core.
func axe(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../templates/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("no axe-core here: make assets gets it from npm")
	}
	return string(b)
}

// judged: axe-core finds nothing on the page with all of it open, in light and dark.
func (b *tab) judged(path string) {
	b.l.t.Helper()
	for _, dark := range []bool{false, true} {
		b.scheme(dark)
		b.open(path)
		b.eval(`document.querySelectorAll('details').forEach(e => { e.open = true })`)
		b.run(chromedp.Evaluate[chromedp.Void](axe(b.l.t.(*testing.T))))
		if found := b.violations("document"); found != "" {
			b.l.t.Errorf("%s, dark %v: %s", path, dark, found)
		}
	}
}

// pictures keeps the page in both schemes and both sizes.
func (b *tab) pictures(name, path string) {
	b.l.t.Helper()
	b.open(path)
	for _, dark := range []bool{false, true} {
		b.picture(name, 1440, dark)
		b.picture(name+"-phone", 390, dark)
	}
	if wide := b.eval(`document.documentElement.scrollWidth > innerWidth`); wide == "true" {
		b.l.t.Errorf("%s is wider than a phone: %s", path, b.eval(`[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className).slice(0, 5)`))
	}
	small := b.eval(`[...document.querySelectorAll('main a, main summary, main button, .find input')].filter(e => !e.closest('p, .dim, .skip, details:not([open]) > :not(summary), .rows, #l-meta')).map(e => [e.getBoundingClientRect(), e]).filter(([r]) => r.width > 1 && r.height < 44).map(([r, e]) => e.outerHTML.slice(0, 90) + r.height).slice(0, 5).join('\n')`)
	if small != "" {
		b.l.t.Errorf("%s: less than 44 px on a phone: %s", path, small)
	}
	b.size(1280)
}

func (l *lab) get(path string) string {
	l.t.Helper()
	resp, err := http.Get(l.url + path)
	l.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	l.must(err)
	if resp.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %s", path, resp.Status)
	}
	return string(b)
}

// verb runs a verb on the lab's data directory.
func (l *lab) verb(words ...string) string {
	l.t.Helper()
	name, err := program()
	l.must(err)
	out, err := exec.Command(name, append(words, "--data-dir", l.dir)...).Output()
	l.must(err)
	return string(out)
}

// TestSavings: the headline, the table, the CSV and the verb say the same numbers, without
// JavaScript, and names that strangers chose are text.
func TestSavings(t *testing.T) {
	l := newLab(t)
	l.shares()
	for range 3 {
		l.miss("/wanted.run")
	}
	l.eventually("the misses are written", func() bool {
		return strings.HasSuffix(strings.TrimSpace(l.verb("stats", "--days", "1", "--csv", "day")), ",3")
	})
	b := l.tab()
	b.judged("/stats?days=30")
	b.pictures("savings", "/stats?days=30")
	b.open("/stats?days=90")
	b.picture("savings-90", 390, false)
	b.quiet()

	still := l.tab()
	still.noScript()
	for _, days := range []string{"7", "30", "90"} {
		still.open("/stats?days=" + days)
		if got := still.eval(`document.querySelector('[aria-current="true"]').textContent`); got != days+" days" {
			t.Errorf("%s days: %s is chosen", days, got)
		}
		shown := func(selector string) string {
			return still.eval(fmt.Sprintf(`[...document.querySelectorAll(%q)].reduce((sum, e) => sum + Number(e.value), 0)`, selector))
		}
		table := l.get("/stats.csv?by=day&days=" + days)
		if out := l.verb("stats", "--days", days, "--csv", "day"); out != table {
			t.Errorf("%s days: the verb prints\n%s\nthe page has\n%s", days, out, table)
		}
		sums := sumsOf(t, table)
		for selector, want := range map[string]int64{
			".tiles .main data": sums["saved_bytes"], ".tiles div:nth-child(2) data": sums["hits"], ".tiles .out data": sums["misses"],
			"#days tfoot td:nth-child(2) data": sums["served_bytes"], "#days tbody td:nth-child(2) data": sums["served_bytes"],
			"#days tbody td:nth-child(3) data": sums["fetched_bytes"], "#days tbody td:nth-child(4) data": sums["hits"],
			"section[aria-labelledby=h-host] tbody td:nth-child(2) data": sums["served_bytes"],
		} {
			if got := shown(selector); got != strconv.FormatInt(want, 10) {
				t.Errorf("%s days: %s has %s, the CSV adds up to %d", days, selector, got, want)
			}
		}
		said := l.verb("stats", "--days", days)
		for _, selector := range []string{".tiles .main data", ".tiles div:nth-child(3) b"} {
			text := strings.Replace(still.eval(fmt.Sprintf(`document.querySelector(%q).textContent`, selector)), ".0 ", " ", 1) // the verb leaves .0 out
			if !strings.Contains(said, text) {
				t.Errorf("%s days: the verb does not say %q:\n%s", days, text, said)
			}
		}
	}
	for _, by := range []string{"host", "artifact"} {
		text := l.get("/stats.csv?by=" + by)
		if out := l.verb("stats", "--days", "30", "--csv", by); out != text || !strings.Contains(text, "\r\n'=1+1<img") {
			t.Errorf("by %s: %q and %q", by, text, out)
		}
	}
	if html := l.get("/stats"); strings.Contains(html, "<img") || !strings.Contains(html, "=1&#43;1&lt;img") {
		t.Error("a name that is an element")
	}
	if evil := b.eval(`window.evil`); evil != "undefined" {
		t.Error("a name runs")
	}
}

// sumsOf adds up the columns of a CSV.
func sumsOf(t *testing.T, text string) map[string]int64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v: %q", err, text)
	}
	sums := map[string]int64{}
	for _, row := range rows[1:] {
		for i, cell := range row {
			n, _ := strconv.ParseInt(cell, 10, 64)
			sums[rows[0][i]] += n
		}
	}
	return sums
}

// TestChart: each bar says its numbers under the pointer and under the focus of a keyboard, and its
// axis has round numbers.
func TestChart(t *testing.T) {
	l := newLab(t)
	l.shares()
	b := l.tab()
	b.open("/stats?days=7")
	b.live()
	b.eval(`document.querySelector('.chart .bars g:nth-of-type(6)').focus()`)
	b.until(`getComputedStyle(document.querySelector('.chart .bars g:nth-of-type(6) .read')).visibility === 'visible'`)
	b.until(`[...document.querySelectorAll('.chart .read')].filter(e => getComputedStyle(e).visibility === 'visible').length === 1`)
	b.picture("savings-focus", 390, true)
	if grid := b.eval(`[...document.querySelectorAll('.chart .scale')].map(s => [...s.children].map(e => e.textContent).join(' ')).join(', ')`); !strings.HasPrefix(grid, "0 B 10 GiB 20 GiB") {
		t.Errorf("the axes say %s", grid)
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if up, down := b.eval(`getComputedStyle(document.querySelector('.chart .up')).fill`), b.eval(`getComputedStyle(document.querySelector('.chart .down')).fill`); up == down {
		t.Errorf("with forced colours both bars are %s", up)
	}
	b.paper("savings")
	b.quiet()
}

// paper: what is printed is black on white, whole, and has nothing to press. It is kept as a picture.
func (b *tab) paper(name string) {
	b.l.t.Helper()
	b.size(800)
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	for what, js := range map[string]string{
		"something to press":    `[...document.querySelectorAll('button, nav, summary, form, .bar')].filter(e => e.offsetParent).map(e => e.outerHTML.slice(0, 80))`,
		"something that is cut": `[...document.querySelectorAll('main .url, main .where, main code')].filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible').map(e => e.outerHTML.slice(0, 80))`,
		"no black on white":     `[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor].filter((c, i) => c !== ['rgb(0, 0, 0)', 'rgb(255, 255, 255)'][i])`,
		"something folded":      `[...document.querySelectorAll('main details > :not(summary)')].filter(e => !e.getBoundingClientRect().height && e.textContent.trim() && !e.closest('.menu, .sh')).map(e => e.outerHTML.slice(0, 80))`,
	} {
		if got := b.eval(js); got != "" {
			b.l.t.Errorf("%s on paper: %s", what, got)
		}
	}
	b.shoot(name + "-paper")
}
