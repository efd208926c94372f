package httpd

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fromcache/httpd/access"
)

// A real nginx before the port.

// behindNginx starts one that has this for its server, in place of what stands
// for the cache-host's address and its own, and returns its address and its
// process.
func (w *world) behindNginx(server string) (addr string, pid int) {
	w.t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			w.t.Fatal("nginx is not installed; make needs installs it")
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	addr = ln.Addr().String()
	w.must(ln.Close())
	dir := w.t.TempDir()
	temp := filepath.Join(dir, "temp")
	w.must(os.Mkdir(temp, 0o700))
	server = strings.NewReplacer("127.0.0.1:3000", w.addr, "LISTEN", addr).Replace(server)
	var paths string
	for _, of := range []string{"proxy", "client_body", "fastcgi", "uwsgi", "scgi"} {
		paths += of + "_temp_path " + filepath.Join(temp, of) + ";\n"
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	config := filepath.Join(dir, "nginx.conf")
	w.must(os.WriteFile(config, []byte(user+"daemon off; master_process off; pid "+dir+"/pid;\nevents {}\nhttp {\naccess_log off;\n"+paths+server+"}\n"), 0o600))
	nginx := exec.Command(path, "-p", dir, "-c", config, "-e", filepath.Join(dir, "log"))
	w.must(nginx.Start())
	w.t.Cleanup(func() {
		nginx.Process.Kill()
		nginx.Wait()
		if log, _ := os.ReadFile(filepath.Join(dir, "log")); w.t.Failed() {
			w.t.Logf("%s", log)
		}
	})
	eventually(w.t, "nginx does not listen", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr, nginx.Process.Pid
}

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
	text, err := os.ReadFile("proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```nginx\n")
	server, _, ok := strings.Cut(rest, "```")
	if !ok || !strings.Contains(server, "listen 443 ssl;") {
		t.Fatal("the help has no nginx server")
	}
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
	addr, pid := w.behindNginx(helpNginx(t))
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
	addr, pid := w.behindNginx(fmt.Sprintf(`server { listen LISTEN; send_timeout 10m; location / {
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
