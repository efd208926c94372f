package browser

import (
	"fmt"
	"testing"
)

// TestLive: what a shell does is seen without a touch of the page, through to
// a download that ends.
func TestLive(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/")
	b.live()
	l.miss("/a.bin")
	b.text("/a.bin")
	b.text("curl/8.5.0")
	b.until(`document.querySelector('#sum').innerText.includes('1 misses')`)
	l.sh("mv misses/*a.bin* queue/")
	b.until(`document.querySelectorAll('#l-misses li').length === 0`)
	b.until(`document.querySelector('#l-meta tr')?.innerText.includes('/a.bin')`)
	l.miss("/slow/b.bin")
	b.open("/downloads")
	b.live()
	l.sh("mv misses/*b.bin* queue/")
	b.until(`document.querySelector('#l-active progress')?.value === 1048576`)
	b.text("25 %")
	b.text("of 4.0 MiB")
	l.origin.let()
	b.until(`document.querySelector('#l-active')?.children.length === 0`)
	b.until(`document.querySelector('#l-done')?.innerText.includes('/slow/b.bin')`)
	b.quiet()
}

// TestRestart: the stream comes back after the server does, and the page with
// it.
func TestRestart(t *testing.T) {
	l := newLab(t)
	l.miss("/a.bin")
	b := l.tab()
	b.open("/misses")
	b.live()
	l.stop()
	b.until(`document.querySelector('#live').textContent === 'reconnecting'`)
	l.sh("rm misses/*")
	l.start()
	b.live()
	b.until(`document.querySelectorAll('#l-misses li').length === 0`)
	l.miss("/b.bin")
	b.text("/b.bin")
}

// TestManyAtOnce: more than is sent row by row.
func TestManyAtOnce(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/misses")
	b.live()
	for i := range 150 {
		l.miss(fmt.Sprintf("/%03d.bin", i))
	}
	b.until(`document.querySelectorAll('#l-misses li').length === 100`)
	b.text("1–100 of 150")
	l.sh("rm misses/*")
	b.until(`document.querySelectorAll('#l-misses li').length === 0`)
	b.quiet()
}
