// Package browser drives the operator's pages in a real browser: Debian's
// chromium, on the program as it is built, with real downloads from an origin
// on this machine. It keeps its pictures in $FROMCACHE_SCREENSHOTS where that is set.
package browser

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long something may take on a machine that does much else.
// Nothing here asserts how quick it was.
const patience = time.Minute

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fromcache-browser")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "fromcache")
	out, err := exec.Command("go", "build", "-o", name, "fromcache/cmd/fromcache").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

var chrome = sync.OnceValues(func() (context.Context, error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-first-run", true), chromedp.WSURLReadTimeout(patience))
	ctx, _ := chromedp.NewExecAllocator(context.Background(), opts...)
	first, _ := chromedp.NewContext(ctx)
	return first, chromedp.Do(first)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if ctx, err := chrome(); err == nil {
		chromedp.Cancel(ctx)
	}
	if name, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// lab is a server with its data directory, and an origin.
type lab struct {
	t      testing.TB
	dir    string
	url    string
	origin *origin
	server *exec.Cmd
	log    *syncBuffer
	env    []string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLab(t testing.TB, env ...string) *lab {
	t.Helper()
	for _, need := range []string{"chromium", "curl"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Fatalf("%s is not installed; make needs installs it", need)
		}
	}
	l := &lab{t: t, dir: filepath.Join(t.TempDir(), "data"), origin: newOrigin(t), env: env}
	l.start()
	t.Cleanup(l.stop)
	return l
}

// start may be called again after stop: the address stays. Meanwhile somebody may
// have its port, for a moment.
func (l *lab) start() {
	l.t.Helper()
	port := "0"
	if l.url != "" {
		_, port, _ = net.SplitHostPort(strings.TrimPrefix(l.url, "http://"))
	}
	l.eventually("the server listens", func() bool { return l.listens(port) })
	l.eventually("the server answers", func() bool {
		resp, err := http.Get(l.url + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

var serving = regexp.MustCompile(`msg=serving addr=(\S+)`)

// listens starts the server, and reports whether it has its port.
func (l *lab) listens(port string) bool {
	l.t.Helper()
	name, err := program()
	l.must(err)
	l.log = &syncBuffer{}
	l.server = exec.Command(name, "serve", "--data-dir", l.dir, "--host", "127.0.0.1", "--port", port, "--allow-origin", "127.0.0.0/8", "--scrub-rate", "off")
	l.server.Env = append(os.Environ(), append([]string{"NO_PROXY=*", "FROMCACHE_ADMIN_PASSWORD=", "FROMCACHE_ADMIN_PASSWORD_FILE="}, l.env...)...)
	l.server.Stdout, l.server.Stderr = l.log, l.log
	l.must(l.server.Start())
	var said []string
	taken := false
	l.eventually("the server says where it listens", func() bool {
		log := l.log.String()
		said, taken = serving.FindStringSubmatch(log), strings.Contains(log, "address already in use")
		return said != nil || taken
	})
	if taken {
		l.stop()
		return false
	}
	l.url = "http://" + said[1]
	return true
}

func (l *lab) stop() {
	if l.server == nil {
		return
	}
	l.server.Process.Signal(syscall.SIGTERM)
	l.server.Wait()
	l.server = nil
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) eventually(what string, so func() bool) {
	l.t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			log := l.log.String()
			l.t.Fatalf("never: %s\n%s", what, log[max(0, len(log)-3000):])
		}
	}
}

// miss asks the cache for a path of the origin, as curl does.
func (l *lab) miss(path string) {
	l.t.Helper()
	l.missOf(l.origin.URL + path)
}

// missOf asks the cache for a URL, as curl does.
func (l *lab) missOf(url string) {
	l.t.Helper()
	req, err := http.NewRequest("GET", l.url+"/b/"+base64.RawURLEncoding.EncodeToString([]byte(url)), nil)
	l.must(err)
	req.Header.Set("User-Agent", "curl/8.5.0")
	resp, err := http.DefaultClient.Do(req)
	l.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		l.t.Fatalf("%s: %d", url, resp.StatusCode)
	}
}

// sh runs a line in the data directory.
func (l *lab) sh(line string) {
	l.t.Helper()
	c := exec.Command("sh", "-ec", line)
	c.Dir = l.dir
	if out, err := c.CombinedOutput(); err != nil {
		l.t.Fatalf("%s: %v %s", line, err, out)
	}
}

// names are the files of directories.
func (l *lab) names(dirs ...string) (names []string) {
	l.t.Helper()
	for _, dir := range dirs {
		list, err := os.ReadDir(filepath.Join(l.dir, dir))
		l.must(err)
		for _, e := range list {
			names = append(names, e.Name())
		}
	}
	return names
}

// origin is a vendor's server: /slow/… sends a MiB at once and the rest when
// it is released, /gone is 404, all else is its path, many times.
type origin struct {
	*httptest.Server
	once    sync.Once
	release chan struct{}
	fields  sync.Map // path to what stands in the header
	answers sync.Map // path to what says it
}

const slowSize = 4 << 20

func newOrigin(t testing.TB) *origin {
	o := &origin{release: make(chan struct{})}
	o.Server = httptest.NewServer(http.HandlerFunc(o.answer))
	t.Cleanup(func() { o.let(); o.Close() })
	return o
}

// let lets the slow answers end.
func (o *origin) let() { o.once.Do(func() { close(o.release) }) }

func (o *origin) answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/slow/"):
		w.Header().Set("Content-Length", strconv.Itoa(slowSize))
		w.Header().Set("Etag", `"slow"`)
		if r.Method == http.MethodHead {
			return
		}
		w.Write(make([]byte, 1<<20))
		w.(http.Flusher).Flush()
		select {
		case <-o.release:
		case <-r.Context().Done():
			return
		}
		w.Write(make([]byte, slowSize-1<<20))
	case strings.HasPrefix(r.URL.Path, "/moved/"):
		http.Redirect(w, r, "/elsewhere/"+filepath.Base(r.URL.Path), http.StatusFound)
	case r.URL.Path == "/gone.bin":
		http.NotFound(w, r)
	default:
		if a, ok := o.answers.Load(r.URL.Path); ok {
			a.(http.HandlerFunc)(w, r)
			return
		}
		if text, ok := o.fields.Load(r.URL.Path); ok {
			w.Header().Set("Content-Disposition", `attachment; filename="`+text.(string)+`"`)
			w.Header().Set("Etag", `"`+text.(string)+`"`)
			w.Header().Set("Server", text.(string))
		}
		w.Header().Set("Last-Modified", "Tue, 03 Nov 2026 10:00:00 GMT")
		w.Header().Set("Content-Type", "application/octet-stream")
		body := strings.Repeat(r.URL.Path+"\n", 100)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			w.Write([]byte(body))
		}
	}
}

// hostile has fields of a path's answer hold a text.
func (o *origin) hostile(path, text string) { o.fields.Store(path, text) }

// says has a path's answer be this.
func (o *origin) says(path, kind, body string) {
	o.answers.Store(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			w.Write([]byte(body))
		}
	}))
}

// tab is one page in the browser. What it complains of is kept.
type tab struct {
	l         *lab
	ctx       context.Context
	mu        sync.Mutex
	noise     []string // console errors, violations of the CSP, dialogs
	elsewhere []string // requests to anywhere but the lab
	loaded    map[string]int64
}

func (l *lab) tab() *tab {
	l.t.Helper()
	parent, err := chrome()
	l.must(err)
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	l.t.Cleanup(cancel)
	b := &tab{l: l, ctx: ctx, loaded: map[string]int64{}}
	l.must(chromedp.Listen(ctx, b.hear))
	b.size(1280)
	return b
}

// noScript: the page has no JavaScript from here on.
func (b *tab) noScript() {
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

func (b *tab) size(width int64) {
	height := int64(900)
	if width < 500 {
		height = 844 // of a phone
	}
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
}

func (b *tab) scheme(dark bool) {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

func call[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.l.t.Helper()
	_, err := chromedp.Call(b.ctx, c, params)
	b.l.must(err)
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening:
		b.noise = append(b.noise, "dialog: "+e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	case *runtime.EventExceptionThrown:
		b.noise = append(b.noise, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" && !strings.Contains(e.Entry.Text, "Failed to load resource") && !strings.Contains(e.Entry.Text, "ERR_INCOMPLETE_CHUNKED") {
			b.noise = append(b.noise, string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.l.url+"/") && !strings.HasPrefix(e.Request.URL, "about:") {
			b.elsewhere = append(b.elsewhere, e.Request.URL)
		}
	case *network.EventLoadingFinished:
		b.loaded[string(e.RequestID)] = int64(e.EncodedDataLength)
	}
}

// quiet: nothing was complained of, nothing was asked of anyone else.
func (b *tab) quiet() {
	b.l.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.noise {
		b.l.t.Errorf("the browser says %s", n)
	}
	for _, n := range b.elsewhere {
		b.l.t.Errorf("the page asks elsewhere: %.200s", n)
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.l.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	b.l.must(chromedp.Do(ctx, actions...))
}

func (b *tab) open(path string) {
	b.l.t.Helper()
	b.run(chromedp.Navigate(b.l.url + path))
}

// live waits until the page has its stream.
func (b *tab) live() {
	b.l.t.Helper()
	b.until(`document.querySelector('#live')?.textContent === 'live'`)
}

// until waits for an expression to be true.
func (b *tab) until(js string) {
	b.l.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		cancel()
		if ok {
			return
		}
		if time.Now().After(end) {
			html, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.outerHTML"))
			b.l.t.Fatalf("never true: %s (%v)\n%.3000s", js, err, html)
		}
	}
}

func (b *tab) eval(js string) string {
	b.l.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => String(await ("+js+")))()", chromedp.EvalAwaitPromise))
	b.l.must(err)
	return s
}

// leads is where a link leads, on this server.
func (b *tab) leads(js string) string {
	b.l.t.Helper()
	return b.eval("(a => a.pathname + a.search)(" + js + ")")
}

// press clicks the first button that says so, within what a selector finds.
func (b *tab) press(within, says string) {
	b.l.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%q)].flatMap(e => [...e.querySelectorAll('button')]).find(b => b.textContent.trim() === %q)`, within, says)
	b.until(find)
	b.eval(find + ".click()")
}

// text: the page says so.
func (b *tab) text(says string) {
	b.l.t.Helper()
	b.until(fmt.Sprintf(`document.body.innerText.includes(%q)`, says))
}

// picture keeps a picture of the whole page as output of the test, of which the first screen is the top.
func (b *tab) picture(name string, width int64, dark bool) {
	b.l.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.size(width)
	b.scheme(dark)
	b.whole(width)
	b.shoot(name + "-" + scheme)
}

// shoot keeps what is on the screen as output of the test.
func (b *tab) shoot(name string) {
	b.l.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.l.must(err)
	b.keep(name+".png", png)
}

// whole makes the screen as high as the page, up to 4000 pixels.
func (b *tab) whole(width int64) {
	b.l.t.Helper()
	height := int64(900)
	fmt.Sscan(b.eval(`Math.min(4000, Math.max(innerHeight, document.documentElement.scrollHeight))`), &height)
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
}

// keep keeps a file as output of the test.
func (b *tab) keep(name string, content []byte) {
	b.l.t.Helper()
	dir := os.Getenv("FROMCACHE_SCREENSHOTS")
	if dir == "" {
		dir = b.l.t.(interface{ ArtifactDir() string }).ArtifactDir()
	}
	b.l.must(os.MkdirAll(dir, 0o755))
	b.l.must(os.WriteFile(filepath.Join(dir, name), content, 0o644))
}
