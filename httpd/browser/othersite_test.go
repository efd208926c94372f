package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// evilPage does what a page of another site can: it posts every form into a
// frame, by fetch with and without cookies, and by a beacon; it frames our pages;
// it asks for them as images and scripts.
const evilPage = `<!doctype html><title>evil</title><body><script>
const to = %q, posts = %s, pages = %s, fields = %s;
const body = new URLSearchParams(fields);
const loaded = e => new Promise(done => { e.onload = e.onerror = done; setTimeout(done, 3000) });
async function frame(src) {
	const f = document.createElement('iframe');
	f.name = 'f' + document.querySelectorAll('iframe').length;
	f.src = src;
	const end = loaded(f);
	document.body.append(f);
	await end;
	return f;
}
async function form(path, enctype) {
	const f = await frame('about:blank');
	const end = loaded(f), form = document.createElement('form');
	Object.assign(form, {method: 'POST', action: to + path, target: f.name, enctype});
	for (const [name, value] of fields) {
		const i = document.createElement('input');
		Object.assign(i, {type: 'hidden', name, value});
		form.append(i);
	}
	document.body.append(form);
	form.submit();
	await end;
}
(async () => {
	for (const p of posts) {
		for (const e of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) await form(p, e);
		for (const credentials of ['include', 'omit']) await fetch(to + p, {method: 'POST', mode: 'no-cors', credentials, body}).catch(() => {});
		await fetch(to + p, {method: 'POST', credentials: 'include', body}).then(() => document.title = 'read ' + p, () => {});
		navigator.sendBeacon(to + p, body);
	}
	for (const p of pages) {
		await frame(to + p + '?' + body);
		for (const tag of ['img', 'script']) {
			const e = document.createElement(tag), end = loaded(e);
			e.src = to + p;
			document.body.append(e);
			await end;
		}
		await fetch(to + p, {credentials: 'include'}).then(() => document.title = 'read ' + p, () => {});
	}
	if (document.title === 'evil') document.title = 'done';
})();
</script>`

// TestOtherSite: a page of another site, in the browser of an operator who is
// signed in, or where nobody has to be, changes nothing and reads nothing.
func TestOtherSite(t *testing.T) {
	for _, env := range []string{"FROMCACHE_ADMIN_PASSWORD=open sesame", "FROMCACHE_ADMIN_PASSWORD="} {
		l := newLab(t, env)
		for _, p := range []string{"/a.bin", "/b.bin", "/gone.bin"} {
			l.miss(p)
		}
		l.sh(`echo "after 2199-01-01T00:00:00Z" >> misses/*gone.bin*; mv misses/*gone.bin* queue/; echo x > failed/f.job; echo x > done/d.job; echo x > cancelled/c.job`)
		b := l.tab()
		b.open("/misses")
		if b.eval(`location.pathname`) == "/ui/login" {
			b.write("#password", "open sesame")
			b.press("main", "Sign in")
		}
		b.text("/a.bin")
		before := l.spool()
		evil := l.evil()
		b.run(chromedp.Navigate(evil + "/"))
		b.until(`document.title !== 'evil'`)
		if title := b.eval(`document.title`); title != "done" {
			t.Errorf("the other site could: %s", title)
		}
		b.run(chromedp.Navigate(evil + "/top"))
		b.text("this form was sent by another site")
		if after := l.spool(); !slices.Equal(before, after) {
			t.Errorf("before %q\nafter %q", before, after)
		}
		framed := 0
		b.mu.Lock()
		for _, n := range b.noise {
			if strings.Contains(n, "dialog") {
				t.Error(n)
			}
			if strings.Contains(n, "frame") {
				framed++
			}
		}
		b.mu.Unlock()
		if framed < 8 {
			t.Errorf("the browser refused to frame only %d pages", framed)
		}
		b.open("/misses")
		b.press("#l-misses .row", "Approve") // our own form still does
		l.eventually("one is approved", func() bool { return !slices.Equal(before, l.spool()) })
	}
}

// spool is what every verb would change.
func (l *lab) spool() (names []string) {
	for _, dir := range []string{"misses", "queue", "active", "done", "failed", "cancelled", "denied", "meta", "blobs"} {
		for _, name := range l.names(dir) {
			names = append(names, dir+"/"+name)
		}
	}
	return names
}

// evil starts the other site: another host, for the browser another site.
func (l *lab) evil() string {
	routes := l.routes()
	fields := [][2]string{{"all", "1"}, {"until", "9999999999"}, {"url", l.origin.URL + "/evil.bin"}, {"password", "open sesame"}}
	for _, name := range l.spool() {
		_, name, _ = strings.Cut(name, "/")
		fields = append(fields, [2]string{"key", name}, [2]string{"id", name})
	}
	text := func(v any) string { b, err := json.Marshal(v); l.must(err); return string(b) }
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, evilPage, l.url, text(routes["POST"]), text(routes["GET HEAD"]), text(fields))
	})
	mux.HandleFunc("/top", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><form method=post action="%s/admin/dismiss"><input name=all value=1><input name=until value=9999999999></form><script>document.forms[0].submit()</script>`, l.url)
	})
	s := httptest.NewUnstartedServer(mux)
	s.Listener.Close()
	var err error
	s.Listener, err = net.Listen("tcp", "127.0.0.2:0")
	l.must(err)
	s.Start()
	l.t.Cleanup(s.Close)
	return s.URL
}

// routes are the pages', by what they answer to: those of its table
// that need no key and end.
func (l *lab) routes() map[string][]string {
	source, err := os.ReadFile("../pages/server.go")
	l.must(err)
	byMethods := map[string][]string{}
	for _, m := range regexp.MustCompile(`\{Methods: "([A-Z ]+)", Path: "(/[^"]*)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.ContainsAny(m[2], ":*") && m[2] != "/events" && m[2] != "/blob" && m[2] != "/healthz" {
			byMethods[m[1]] = append(byMethods[m[1]], m[2])
		}
	}
	verbs, err := os.ReadFile("../pages/verbs.go")
	l.must(err)
	for _, m := range regexp.MustCompile(`\{"([a-z]+)", max`).FindAllStringSubmatch(string(verbs), -1) {
		byMethods["POST"] = append(byMethods["POST"], "/admin/"+m[1])
	}
	if len(byMethods["POST"]) < 12 || len(byMethods["GET HEAD"]) < 8 {
		l.t.Fatalf("routes: %v", byMethods)
	}
	return byMethods
}
