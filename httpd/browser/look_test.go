package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestLook keeps pictures of every page, light and dark, wide and narrow.
func TestLook(t *testing.T) {
	l := newLab(t)
	for i, n := range []int{3, 1, 7, 1} {
		for range n {
			l.miss(fmt.Sprintf("/compute/%d/installers/driver_%d.run", i, i))
		}
	}
	l.sh("curl -s -o /dev/null " + l.url + "/m/https/developer.download.hardware-vendor.example/long.run")
	for _, p := range []string{"/fw/mft-4.30.0.bin", "/models/weights-00001.data", "/moved/three.iso"} {
		l.add(p)
	}
	l.add("/gone.bin")
	l.add("/slow/model.data")
	l.eventually("all is fetched", func() bool {
		return len(l.names("done")) == 3 && len(l.names("failed")) == 1 && len(l.names("active")) == 1
	})
	l.stats()
	l.rules()
	b := l.tab()
	b.open("/")
	held := b.leads(`document.querySelector('#l-meta a')`)
	log := b.leads(`document.querySelector('#l-failed a')`)
	for name, path := range map[string]string{"all": "/", "misses": "/misses", "grouped": "/misses?group=1&sort=asked", "downloads": "/downloads",
		"artifacts": "/artifacts", "artifact": held, "job": log, "add": "/add", "stats": "/stats", "rules": "/rules?host=vendor.example", "search": "/search?q=run"} {
		b.size(1440)
		b.open(path)
		b.live()
		for _, dark := range []bool{false, true} {
			b.picture(name, 1440, dark)
			b.picture(name+"-phone", 390, dark)
		}
		if wide := b.eval(`document.documentElement.scrollWidth > innerWidth`); wide == "true" {
			t.Errorf("%s is wider than a phone: %s", path, b.eval(`[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className).slice(0, 5)`))
		}
	}
	b.size(390)
	if bad := b.eval(`[...document.querySelectorAll('.counts li > *')].filter((e, i, all) => e.scrollWidth > e.parentNode.offsetWidth + 1 || all[i - 1] && all[i - 1].getBoundingClientRect().right > e.getBoundingClientRect().left || e.matches('.ill') && e.getBoundingClientRect().right > innerWidth).map(e => e.innerText).join()`); bad != "" {
		t.Errorf("on a phone counts lie over others, or what failed is past the edge: %s", bad)
	}
	l.sh("mv blobs ..")
	b.until(`document.querySelector('.banner.ill')?.textContent.includes('blobs/ is gone')`)
	b.picture("ill", 1280, false)
	if mark := b.eval(`getComputedStyle(document.querySelector('.banner.ill')).borderInlineStartStyle`); mark == "none" {
		t.Error("what makes the server unwell looks as a notice does")
	}
	l.sh("mv ../blobs .")
	b.quiet()
}

// add queues a path of the origin as a shell would.
func (l *lab) add(path string) {
	l.t.Helper()
	name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
	l.must(os.WriteFile(l.dir+"/queue/"+name+".job", []byte(l.origin.URL+path+"\n"), 0o660))
}

// rules makes rules and denials, of which one was used.
func (l *lab) rules() {
	l.t.Helper()
	l.sh(`printf 'path /compute/cuda/*\nbudget 500GiB/30d\nmax-size 20GiB\nuntil 2030-01-31\n' > allowed/developer.download.hardware-vendor.example
echo 'max-size huge' > allowed/bad.example
touch "allowed/*.mirror.example" denied/ads.example "denied/*.tracker.example"
printf 'https://developer.download.hardware-vendor.example/compute/cuda/x\n2026-11-22T21:27:26Z approve allowed/developer.download.hardware-vendor.example\n2026-11-22T21:27:27Z done 10737418240 -\n' > done/x.job`)
	l.miss("/unwanted/toolbar.exe")
	l.eventually("the miss is written", func() bool { return len(l.names("misses")) > 0 })
	l.sh("mv misses/*toolbar* denied/")
}

// stats makes some days of numbers.
func (l *lab) stats() {
	l.t.Helper()
	l.sh(`for i in $(seq 1 89); do d=$(date -u -d "-$i days" +%F); printf 'hits %d\nmisses %d\nserved-bytes %d\nfetched-bytes %d\n' $((i*37%200)) $((i*13%40)) $((i*i%97*1000000000)) $((i%7*3000000000)) > stats/$d; done`)
}

// TestCopyOfAnAddress: what is selected in a row that has the focus is the URL in one line, though it is cut
// on the screen.
func TestCopyOfAnAddress(t *testing.T) {
	l := newLab(t)
	path := "/a/very/long/way/to/a/file/of/a/vendor/with/more/and/more/directories/driver.run"
	l.miss(path)
	b := l.tab()
	for _, width := range []int64{1440, 390} {
		b.size(width)
		b.open("/misses")
		b.until(`document.querySelector('#l-misses .where')`)
		b.eval(`document.querySelector('#l-misses .where').focus()`)
		got := b.eval(`(getSelection().selectAllChildren(document.querySelector('#l-misses .where')), getSelection().toString())`)
		if got != l.origin.URL+path {
			t.Errorf("at %d what is copied is %q", width, got)
		}
	}
}
