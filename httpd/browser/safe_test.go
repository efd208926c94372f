package browser

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// scripts are what a hostile client, origin or file name may hold. Each goes
// to ten places, ten ways: 500 payloads.
var scripts = []string{
	`<script>alert(%d)</script>`, `"><script>alert(%d)</script>`, `'><img src=x onerror=alert(%d)>`, `</title><svg onload=alert(%d)>`, `<img src=x onerror=alert(%d)//`,
	`"onfocus="alert(%d)"autofocus="`, `'onmouseover='alert(%d)`, `javascript:alert(%d)`, `</textarea><script>alert(%d)</script>`, `</pre><iframe srcdoc="<script>alert(%d)</script>">`,
	`<a href="javascript:alert(%d)">x</a>`, `<style>@import'//x.example/%d'</style>`, `<link rel=stylesheet href=//x.example/%d>`, `<base href=//x.example/%d>`, `<meta http-equiv=refresh content="0;url=//x.example/%d">`,
	`<form action=//x.example/%d><button>x`, `<object data="data:text/html,<script>alert(%d)</script>">`, `<embed src=//x.example/%d>`, `<video><source onerror=alert(%d)>`, `<details open ontoggle=alert(%d)>`,
	`<svg><animate onbegin=alert(%d) attributeName=x dur=1s>`, `<math><mtext><table><mglyph><style><img src=x onerror=alert(%d)>`, `{{constructor.constructor('alert(%d)')()}}`, "${alert(%d)}", `<!--><script>alert(%d)</script>-->`,
	`]]><script>alert(%d)</script>`, `<scr<script>ipt>alert(%d)</script>`, `%%3Cscript%%3Ealert(%d)%%3C/script%%3E`, `&lt;script&gt;alert(%d)&lt;/script&gt;`, `\u003cscript\u003ealert(%d)\u003c/script\u003e`,
	`<div hx-get="//x.example/%d" hx-trigger="load">`, `<div hx-on:load="alert(%d)">`, `<div hx-vals="js:{a:alert(%d)}" hx-get="/" hx-trigger="load">`, `<div sse-connect="//x.example/%d">`, `<li id="page" data-live="misses" onclick=alert(%d)>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(%d)>">`, `<template><script>alert(%d)</script></template>`, `<input autofocus onfocus=alert(%d)>`, `<body onload=alert(%d)>`, `<marquee onstart=alert(%d)>`,
	`"><template shadowrootmode=open><script>alert(%d)</script>`, "`-alert(%d)-`", `';alert(%d);'`, `");alert(%d);//`, `<xmp><script>alert(%d)</script></xmp>`,
	`data:text/html,<script>alert(%d)</script>`, `vbscript:alert(%d)`, `<p style="background:url(//x.example/%d)">`, `<audio src onerror=alert(%d)>`, `<portal src=//x.example/%d>`,
}

// TestSafety: 500 payloads as URLs, tools, names, fields and log lines; no
// dialog, nothing that the CSP had to stop, no request to elsewhere.
func TestSafety(t *testing.T) {
	l := newLab(t)
	b := l.tab()
	b.open("/misses")
	b.live()
	n := 0
	put := func(s string) string { n++; return fmt.Sprintf(s, n) }
	for i, s := range scripts {
		for _, path := range []string{"/" + put(s), "/x" + put(s) + ".run", "/f?file=" + put(s)} {
			req, err := http.NewRequest("GET", l.url+"/b/"+base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll("https://v.example"+path, " ", "+"))), nil)
			l.must(err)
			req.Header.Set("User-Agent", put(s))
			resp, err := http.DefaultClient.Do(req)
			l.must(err)
			resp.Body.Close()
		}
		name := strings.ReplaceAll(put(s), "/", "∕")
		name = name[:min(len(name), 200)]
		l.must(os.WriteFile(filepath.Join(l.dir, "failed", "f"+name+".job"), []byte("https://f.example/"+put(s)+"\n2026-11-22T21:27:26Z failed "+put(s)+"\n"), 0o644))
		l.must(os.WriteFile(filepath.Join(l.dir, "queue", "q"+name), []byte(put(s)+"\n"), 0o644))
		l.origin.hostile(fmt.Sprintf("/h%d.bin", i), put(s))
		l.must(os.WriteFile(filepath.Join(l.dir, "queue", fmt.Sprintf("h%d.job", i)), []byte(fmt.Sprintf("%s/h%d.bin\n", l.origin.URL, i)), 0o644))
	}
	if n < 500 {
		t.Errorf("%d payloads", n)
	}
	b.until(`document.querySelectorAll('#l-misses .row').length === 100`)
	l.eventually("the origin's fields are held", func() bool { return len(l.names("meta")) == len(scripts) })
	for _, path := range []string{"/", "/misses?group=1", "/misses?page=2", "/downloads", "/downloads?state=failed", "/downloads?state=queued", "/artifacts", "/stats"} {
		b.open(path)
		b.live()
	}
	for i := range 10 {
		b.open("/downloads?state=failed")
		b.open(b.leads(fmt.Sprintf(`document.querySelectorAll('#l-failed a')[%d]`, i*4)))
		b.open("/artifacts")
		b.open(b.leads(fmt.Sprintf(`document.querySelectorAll('#l-meta a.name')[%d]`, i*4)))
		b.open("/misses?q=" + url.QueryEscape(put(scripts[i*4])))
	}
	b.open("/misses?sort=asked")
	b.live()
	b.press("#l-misses .row", "Approve")
	b.text("Approved")
	if got := b.eval(`document.querySelectorAll('main script, main iframe, main img, main object, main style, main link, main base').length`); got != "0" {
		t.Errorf("%s elements that no page has", got)
	}
	b.quiet()
}

// TestNoScriptFromTheCache: what an origin sent has the address of the pages, and
// is no script of theirs though it says that it is one; /static/ goes on.
func TestNoScriptFromTheCache(t *testing.T) {
	l := newLab(t)
	l.origin.says("/evil.js", "text/javascript", "window.evil = 1")
	l.add("/evil.js")
	l.eventually("it is held", func() bool { return len(l.names("meta")) == 1 })
	b := l.tab()
	b.open("/misses")
	b.live()
	path := "/b/" + base64.RawURLEncoding.EncodeToString([]byte(l.origin.URL+"/evil.js")) + "/evil.js"
	if got := b.eval(`fetch('` + path + `').then(r => r.status + r.headers.get('Content-Type'))`); got != "200text/javascript" {
		t.Fatalf("the script is %s", got)
	}
	load := func(src string) string {
		return b.eval(`new Promise(done => {
			const s = document.createElement('script')
			s.onload = () => done('runs'); s.onerror = () => done('refused'); s.src = '` + src + `'
			document.head.append(s) })`)
	}
	for _, src := range []string{path, "/static/../" + path[1:], "/static/..%2f" + path[1:], "data:text/javascript,window.evil=1"} {
		if got := load(src); got != "refused" || b.eval(`window.evil`) != "undefined" {
			t.Errorf("%s %s", src, got)
		}
	}
	if got := load("/static/fromcache.js"); got != "runs" {
		t.Errorf("our own is %s", got)
	}
}

// TestAccess: a keyboard is enough. What axe-core finds is TestGallery's.
func TestAccess(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"/a.bin", "/b.bin", "/c.bin"} {
		l.miss(p)
	}
	b := l.tab()
	b.keyboard()
	b.quiet()
}

// violations is what axe-core finds in a part of the page.
func (b *tab) violations(in string) string {
	b.l.t.Helper()
	return b.eval(`axe.run(` + in + `, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r => r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map(n => n.html + ' ' + n.any.map(a => a.message).join(';')).join(' | ')).join('\n'))`)
}

// keyboard approves a miss with Tab and Enter alone, and keeps its place.
func (b *tab) keyboard() {
	b.open("/misses")
	b.live()
	for range 60 {
		b.run(chromedp.KeyEvent("\t"))
		if b.eval(`document.activeElement.textContent`) == "Approve" && b.eval(`document.activeElement.closest('#l-misses .row') !== null`) == "true" {
			b.run(chromedp.KeyEvent("\r"))
			b.text("Approved")
			b.until(`document.querySelectorAll('#l-misses .row').length === 2`)
			b.until(`document.activeElement.closest('#l-misses .row') !== null`)
			return
		}
	}
	b.l.t.Error("Tab never comes to Approve")
}
