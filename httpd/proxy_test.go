package httpd

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fromcache/httpd/access"
	"fromcache/httpd/nginxtest"
)

// onDisk is what the temporary files hold that a process has open: nginx takes
// their names away at once.
func onDisk(pid int) (sum int64) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		to, _ := os.Readlink(link)
		if info, err := os.Stat(link); err == nil && strings.Contains(to, "/temp/proxy/") {
			sum += info.Size()
		}
	}
	return sum
}

// helpNginx is the server that fromcache help proxy tells people to write, without TLS.
func helpNginx(t *testing.T) string {
	t.Helper()
	server := nginxtest.Lines(t, ProxyHelp, "server {")
	server = regexp.MustCompile(`(?m)^ *ssl_.*$`).ReplaceAllString(server, "")
	return strings.Replace(server, "listen 443 ssl;", "listen LISTEN;", 1)
}

// TestBehindNginx: with the lines of the help people sign in, carry a file in
// and take one that is larger than nginx would read at once; nothing of it
// waits on nginx's disk.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password}})
	const size = 256 << 20
	w.hollow("https://vendor.example/big.bin", size)
	backend := w.addr
	addr, pid := nginxtest.Start(t, w.addr, helpNginx(t))
	w.addr = addr
	defer func() { w.addr = backend }()

	b := signedIn(t, w)
	resp, _ := b.get("/add")
	if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != http.StatusOK || !strings.Contains(csp, "script-src "+addr+"/static/") {
		t.Errorf("a page: %d %q", resp.StatusCode, csp)
	}
	b.header = http.Header{"Origin": {"http://" + addr}}
	if resp, _ := b.post("/admin/clear"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a form: %d", resp.StatusCode)
	}
	if code, text := w.carryIn(b, strings.Repeat("carried ", 1<<19), "url", "https://vendor.example/in.txt"); code != http.StatusOK {
		t.Errorf("an upload: %d %s", code, text)
	}
	long := "https://vendor.example/" + strings.Repeat("x", 8000)
	if resp, _ := b.do(http.MethodHead, "/b/"+token(long)+"/x", url.Values{}); resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Status") == "" {
		t.Errorf("a long URL: %d", resp.StatusCode)
	}
	resp, err := http.Get(w.url("/b/" + token("https://vendor.example/big.bin")))
	w.must(err)
	defer resp.Body.Close()
	got, most := int64(0), int64(0)
	for got < size {
		n, err := io.CopyN(io.Discard, resp.Body, min(size/8, size-got))
		got += n
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", got, err)
		}
		time.Sleep(100 * time.Millisecond) // nginx could take much meanwhile
		most = max(most, onDisk(pid))
	}
	if most > 0 {
		t.Errorf("%d bytes were on nginx's disk", most)
	}
}

// carryIn is sendFile by a browser that is signed in.
func (w *world) carryIn(b *browser, body string, fields ...string) (int, string) {
	w.t.Helper()
	return w.carryInAt("/admin/upload", b, body, fields...)
}

func (w *world) carryInAt(path string, b *browser, body string, fields ...string) (int, string) {
	w.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for i := 0; i < len(fields); i += 2 {
		w.must(m.WriteField(fields[i], fields[i+1]))
	}
	part, err := m.CreateFormFile("file", "carried")
	w.must(err)
	io.WriteString(part, body)
	w.must(m.Close())
	req, err := http.NewRequest(http.MethodPost, w.url(path), &form)
	w.must(err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("X-Fromcache-Live", "1")
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp.StatusCode, string(text)
}

// TestProxyThatBuffers: one that takes much at once and then nothing for long,
// whatever it is told, is no stalled reader.
func TestProxyThatBuffers(t *testing.T) {
	t.Parallel()
	const size, buffered, stall = 96 << 20, 48 << 20, 200 * time.Millisecond
	w := newWorld(t, Options{StallTimeout: stall})
	w.hollow("https://vendor.example/big.bin", size)
	backend := w.addr
	addr, pid := nginxtest.Start(t, w.addr, fmt.Sprintf(`server { listen LISTEN; send_timeout 10m; location / {
		proxy_pass http://127.0.0.1:3000; proxy_ignore_headers X-Accel-Buffering; proxy_max_temp_file_size %d; proxy_temp_file_write_size 64k;
	} }`, buffered))
	w.addr = addr
	defer func() { w.addr = backend }()
	resp, err := http.Get(w.url("/b/" + token("https://vendor.example/big.bin")))
	w.must(err)
	defer resp.Body.Close()
	eventually(t, "nginx does not buffer", func() bool { return onDisk(pid) > buffered-1<<20 })
	time.Sleep(20 * stall) // ten times what a stalled reader has
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("cut after %d of %d bytes: %v", n, size, err)
	}
}
