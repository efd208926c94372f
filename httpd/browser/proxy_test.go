package browser

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/url"
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
	"fromcache/httpd/internal/nginxtest"
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
		if err != nil {
			t.Fatalf("curl %s: %v %s", args, err, out)
		}
		return string(out)
	}
	door := front.url + "/" + strings.Replace(l.origin.URL, "://", ":/", 1)

	b := front.tab()
	call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	refused := b.refused()
	b.open("/misses")
	b.until(`location.pathname === '/fromcache/ui/login'`)
	b.write("#password", "correct horse")
	b.press("form", "Sign in")
	b.live()
	b.until(`location.pathname === '/fromcache/'`)
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	l.must(err)
	for _, c := range cookies.Cookies {
		if c.Path != "/fromcache/" || !c.Secure || !c.HTTPOnly {
			t.Errorf("the cookie %s: path %s, secure %v", c.Name, c.Path, c.Secure)
		}
	}
	if len(cookies.Cookies) == 0 {
		t.Error("no cookie")
	}

	for i := range 3 {
		curl("-H", "X-Forwarded-For: 10.9.9.9", fmt.Sprintf("%s/%d.bin", door, i))
	}
	b.text("/0.bin")
	b.text("by 127.0.0.7 curl/")
	b.press(li("/0.bin"), "Approve")
	b.until(`document.querySelector('#l-meta tr')?.innerText.includes('/0.bin')`)
	b.press(li("/1.bin"), "Ask the origin")
	b.text("application/octet-stream")
	b.press(li("/1.bin"), "Dismiss")
	b.until(`document.querySelectorAll('#l-misses > li').length === 1`)
	b.eval(`document.querySelector('.skip').click()`)
	b.until(`location.hash === '#main' && location.pathname === '/fromcache/'`)
	if log := l.logs("done"); !strings.Contains(log, "miss 127.0.0.7 ") || !strings.Contains(log, "approve web 127.0.0.1") || strings.Contains(log, "10.9.9.9") {
		t.Errorf("the job's log: %s", log)
	}

	b.eval(`document.querySelector('nav a[href="misses"]').click()`)
	b.until(`location.pathname === '/fromcache/misses'`)
	b.live()
	b.write("input[type=search]", "2.bin")
	b.until(`location.pathname + location.search === '/fromcache/misses?q=2.bin&sort=last'`)
	curl(door + "/slow/12.bin")
	b.until(`document.querySelectorAll('#l-misses > li').length === 2`) // the page fetches itself again with the search
	b.press(li("/slow/12.bin"), "Approve")
	b.press(".fate", "Undo")
	b.text("Cancelled")
	for _, page := range []string{"downloads", "artifacts", "add", "stats"} {
		b.eval(`document.querySelector('nav a[href="` + page + `"]').click()`)
		b.until(`location.pathname === '/fromcache/` + page + `'`)
		b.live()
	}
	b.open("/artifacts")
	b.eval(`document.querySelector('#l-meta a').click()`)
	b.text("To get it")
	address := b.eval(`document.querySelector('.copyable code').textContent`)
	if want := front.url + "/b/" + base64.RawURLEncoding.EncodeToString([]byte(l.origin.URL+"/0.bin")) + "/0.bin"; address != want {
		t.Errorf("the page says %s, want %s", address, want)
	}
	if got := curl(address); !strings.HasPrefix(got, "/0.bin\n") {
		t.Errorf("%s: %.100s", address, got)
	}
	b.press(".bar", "Sign out")
	b.until(`location.pathname === '/fromcache/ui/login'`)
	if list := refused(); len(list) > 0 {
		t.Errorf("refused: %s", list)
	}
	b.quiet()
	if log := l.log.String(); !strings.Contains(log, "client=127.0.0.7") || strings.Contains(log, "10.9.9.9") {
		t.Errorf("the log does not name the client")
	}
	if got := curl("-o", "/dev/null", "-w", "%{http_code}", front.url+"/blob?url="+url.QueryEscape(l.origin.URL+"/0.bin")); got != "200" {
		t.Errorf("/blob: %s", got)
	}
}
