package browser

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"fromcache/httpd"
	"fromcache/httpd/nginxtest"
)

// certificate writes one for 127.0.0.1 with its key, and returns nginx's lines for them.
func (l *lab) certificate() (file, lines string) {
	l.t.Helper()
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	key, err := x509.MarshalPKCS8PrivateKey(lender.TLS.Certificates[0].PrivateKey)
	l.must(err)
	file = filepath.Join(l.t.TempDir(), "pair.pem")
	pair := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	l.must(os.WriteFile(file, pair, 0o600))
	return file, fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; ", file, file)
}

// refused collects what the browser asks for and does not get.
func (b *tab) refused() func() []string {
	var mu sync.Mutex
	var list []string
	b.l.must(chromedp.Listen(b.ctx, func(event any) {
		if e, ok := event.(*network.EventResponseReceived); ok && e.Response.Status >= 400 {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, fmt.Sprint(e.Response.Status, " ", e.Response.URL))
		}
	}))
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// TestBehindNginx: below a path of an nginx that speaks TLS a person signs in, sees what changes, and
// acts; nothing is asked for elsewhere, nothing is missing, and clients are known by their addresses.
func TestBehindNginx(t *testing.T) {
	l := newLab(t, "FROMCACHE_ADMIN_PASSWORD=correct horse", "FROMCACHE_TRUSTED_PROXY=127.0.0.1")
	ca, certificate := l.certificate()
	addr, _ := nginxtest.Start(t, strings.TrimPrefix(l.url, "http://"),
		"server { listen LISTEN ssl; "+certificate+nginxtest.Lines(t, httpd.ProxyHelp, "location /fromcache/")+" }")
	front := *l
	front.url = "https://" + addr + "/fromcache"
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-q", "-sS", "--noproxy", "*", "--cacert", ca, "--interface", "127.0.0.7"}, args...)...).CombinedOutput()
		front.must(err)
		return string(out)
	}
	door := front.url + "/" + strings.Replace(l.origin.URL, "://", ":/", 1)
	b := front.tab()
	call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	refused := b.refused()

	b.signsInBelow("/fromcache/")
	for _, name := range []string{"/a.bin", "/b.bin", "/2.bin"} {
		curl("-H", "X-Forwarded-For: 10.9.9.9", door+name)
	}
	b.actsOnMisses("127.0.0.7")
	b.searches(func() { curl(door + "/slow/12.bin") })
	b.walks()
	address := b.eval(`document.querySelector('#more .copyable code').textContent`)
	if want := front.url + "/b/" + base64.RawURLEncoding.EncodeToString([]byte(l.origin.URL+"/a.bin")) + "/a.bin"; address != want {
		t.Errorf("the page says %s, want %s", address, want)
	}
	if got := curl(address); !strings.HasPrefix(got, "/a.bin\n") {
		t.Errorf("%s: %.100s", address, got)
	}
	b.press(".bar", "Sign out")
	b.until(`location.pathname === '/fromcache/ui/login'`)
	if list := refused(); len(list) > 0 {
		t.Errorf("refused: %s", list)
	}
	b.quiet()
	if log := l.log.String() + l.logs("done"); strings.Contains(log, "10.9.9.9") || !strings.Contains(log, "miss 127.0.0.7 ") || !strings.Contains(log, "approve web 127.0.0.1") {
		t.Errorf("who asked and who approved: %s", log)
	}
}

func (b *tab) signsInBelow(root string) {
	b.l.t.Helper()
	b.open("/misses")
	b.until(`location.pathname === '` + root + `ui/login'`)
	b.write("#password", "correct horse")
	b.press("form", "Sign in")
	b.live()
	b.until(`location.pathname === '` + root + `'`)
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	b.l.must(err)
	for _, c := range got.Cookies {
		if c.Path != root || !c.Secure || !c.HTTPOnly {
			b.l.t.Errorf("the cookie %s: path %s, secure %v", c.Name, c.Path, c.Secure)
		}
	}
	if len(got.Cookies) == 0 {
		b.l.t.Error("no cookie")
	}
}

// actsOnMisses approves /a.bin and dismisses /b.bin, which a client has asked for.
func (b *tab) actsOnMisses(client string) {
	b.l.t.Helper()
	b.text("/a.bin")
	b.text(client + " curl/")
	b.press(li("/a.bin"), "Approve")
	b.until(`document.querySelector('#l-meta tr')?.innerText.includes('/a.bin')`)
	b.press(li("/b.bin"), "Ask the origin")
	b.text("application/octet-stream")
	b.press(li("/b.bin"), "Dismiss")
	b.until(`document.querySelectorAll('#l-misses .row').length === 1`)
	b.eval(`document.querySelector('.skip').click()`)
	b.until(`location.hash === '#main' && location.pathname === '/fromcache/'`)
}

// searches for 2.bin; the page that fetches itself again, because another is asked for, keeps to
// the search.
func (b *tab) searches(another func()) {
	b.l.t.Helper()
	b.goes("misses")
	b.write("input[type=search]", "2.bin")
	b.until(`location.pathname + location.search === '/fromcache/misses?q=2.bin&sort='`)
	another()
	b.until(`document.querySelectorAll('#l-misses .row').length === 2`)
	b.press(li("/slow/12.bin"), "Approve")
	b.press(".fate", "Undo")
	b.text("Undone")
}

// goes to a page by the link that all have.
func (b *tab) goes(page string) {
	b.l.t.Helper()
	b.eval(`document.querySelector('nav a[href="` + page + `"]').click()`)
	b.until(`location.pathname === '/fromcache/` + page + `'`)
	b.live()
}

// walks through the pages, and ends at that of an artifact.
func (b *tab) walks() {
	b.l.t.Helper()
	for _, page := range []string{"downloads", "add", "stats", "artifacts"} {
		b.goes(page)
	}
	b.eval(`document.querySelector('#l-meta a').click()`)
	b.text("Versions")
}
