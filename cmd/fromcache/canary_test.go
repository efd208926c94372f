package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestCanaries puts a secret of its own into every input that may hold one, has the real server and all verbs do all they
// do, and looks for them in every answer, page, log line and file. Job files and session-secret may hold some, by name.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			c := newCage(t, format)
			c.putIn()
			c.lookOut()
			c.lookBack()
		})
	}
}

// cage is a server that is fed with canaries.
type cage struct {
	*process
	origin   *httptest.Server
	password string
	client   *http.Client
	mu       sync.Mutex
	seen     []string // found where none may be
	looks    int
	sent     bool // the credentials reached the origin
	stream   sync.WaitGroup
	secrets  []string // that look like no canary
}

var (
	caught = regexp.MustCompile(`(?i)canary[-%][a-z0-9%-]+`)
	coded  = []string{base64Of("canary")[:8], base64Of("-canary")[2:9], base64Of("--canary")[3:10]} // as it begins at any byte
	loose  sync.Mutex
	hatch  int
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// canary is a secret that looks like none: only where it stands tells what it is.
func canary(where string) string {
	loose.Lock()
	defer loose.Unlock()
	hatch++
	return fmt.Sprintf("canary-%s-%d", strings.ToLower(where), hatch)
}

// params are the query parameters that sign URLs or hold credentials, by who makes them.
var params = [][]string{
	{"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "x-amz-date"}, {"AWSAccessKeyId", "Signature"},
	{"X-Goog-Signature", "X-Goog-Credential", "x-goog-date"}, {"GoogleAccessId", "Signature"},
	{"sig", "se", "sp", "sv", "sr", "skoid"}, {"Policy", "Signature", "Key-Pair-Id"}, {"hdnea"}, {"hdnts"}, {"__gda__"}, {"__token__"},
	{"OSSAccessKeyId", "x-oss-signature", "security-token"}, {"q-signature", "q-ak", "q-sign-algorithm", "x-cos-security-token"},
	{"token"}, {"access_token"}, {"id_token"}, {"refresh_token"}, {"oauth_token", "oauth_signature"}, {"auth"}, {"authorization"}, {"authkey"},
	{"api_key"}, {"apikey"}, {"api-key"}, {"key"}, {"licence_key"}, {"password"}, {"passwd"}, {"pwd"}, {"pass"}, {"secret"}, {"client_secret"},
	{"session"}, {"sessionid"}, {"jsessionid"}, {"phpsessid"}, {"jwt"}, {"sas"}, {"code"}, {"ticket"}, {"otp"}, {"nonce"}, {"hmac"}, {"sign"}, {"md5"}, {"SAMLResponse"}, {"bearer"},
	{"private_token"}, {"PRIVATE-TOKEN"}, {"job_token"}, {"X-JFrog-Art-Api-Key"}, {"subscription-key"}, {"cookie"}, {"credential"}, {"%74oken"}, {"TOKEN"},
}

func signedBy(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, n+"="+canary(strings.Trim(n, "_%")))
	}
	return strings.Join(list, "&")
}

func newCage(t *testing.T, format string) *cage {
	c := &cage{process: newProcess(t, ""), password: canary("password")}
	c.origin = httptest.NewServer(http.HandlerFunc(c.serveOrigin))
	t.Cleanup(c.origin.Close)
	jar, _ := cookiejar.New(nil)
	c.client = &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	credentials := filepath.Join(t.TempDir(), "credentials")
	c.must(os.Mkdir(credentials, 0o700))
	c.must(os.WriteFile(filepath.Join(credentials, "127.0.0.1"), []byte("# allow http\nAuthorization: Bearer "+canary("bearer")+"\nX-Licence: "+canary("licence")+"\n"), 0o600))
	c.must(os.Mkdir(filepath.Join(c.dir, "tmp"), 0o700))
	c.env = append(c.env, "TMPDIR="+filepath.Join(c.dir, "tmp"),
		"NO_PROXY=", "HTTP_PROXY=http://operator:"+canary("proxy")+"@127.0.0.1:9", "FROMCACHE_ADMIN_PASSWORD="+c.password)
	if format == "json" {
		c.env = append(c.env, "FROMCACHE_SESSION_SECRET="+canary("session-secret")+strings.Repeat("k", 32))
	}
	c.start("--workers", "4", "--log-format", format, "--log-level", "debug", "--credentials", credentials)
	if b, err := os.ReadFile(c.data("session-secret")); err == nil {
		c.secrets = append(c.secrets, strings.TrimSpace(string(b)))
	} else if format == "text" {
		t.Error(err)
	}
	return c
}

// serveOrigin hides a canary in every answer.
func (c *cage) serveOrigin(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Authorization"), "canary") {
		c.mu.Lock()
		c.sent = true
		c.mu.Unlock()
	}
	h := w.Header()
	for _, name := range []string{"Set-Cookie", "Www-Authenticate", "X-Auth-Token", "Link", "Content-Location", "Server", "Via", "X-Amz-Request-Id", "Refresh", "Warning"} {
		h.Set(name, "a="+canary(name))
	}
	h.Set("ETag", `"v1"`)
	h.Set("Content-Disposition", `attachment; filename="x?token=`+canary("disposition")+`"`)
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/moved"):
		http.Redirect(w, r, "/target"+strings.TrimPrefix(path, "/moved")+"?"+signedBy(params[0]), http.StatusFound)
	case path == "/loop.bin":
		http.Redirect(w, r, "/loop.bin?"+signedBy([]string{"token"}), http.StatusFound)
	case path == "/inside.bin":
		http.Redirect(w, r, "http://169.254.169.254/?"+signedBy([]string{"token"}), http.StatusFound)
	case path == "/user.bin":
		http.Redirect(w, r, "http://u:"+canary("location-user")+"@127.0.0.1/?"+signedBy([]string{"sig"}), http.StatusFound)
	case path == "/forbidden.bin":
		http.Error(w, canary("body"), http.StatusForbidden)
	case path == "/later.bin":
		http.Error(w, canary("body"), http.StatusServiceUnavailable)
	case path == "/page.run":
		fmt.Fprint(w, "<!DOCTYPE html><html>"+canary("body"))
	case path == "/cut.bin":
		h.Set("Content-Length", "1000")
		fmt.Fprint(w, "cut")
		panic(http.ErrAbortHandler)
	default:
		fmt.Fprint(w, "the bytes of ", path)
	}
}

// asked are URLs of which every spelling of a secret is in one.
func (c *cage) asked() (list []string) {
	o := c.origin.URL
	for i, names := range params {
		list = append(list, fmt.Sprintf("%s/signed%d.bin?%s", o, i, signedBy(names)), fmt.Sprintf("%s/get.php?file=%d&%s", o, i, signedBy(names)))
	}
	user := strings.Replace(o, "http://", "http://operator:"+canary("user-info")+"@", 1)
	for _, name := range []string{"moved.bin", "loop.bin", "inside.bin", "user.bin", "forbidden.bin", "later.bin", "page.run", "cut.bin"} {
		list = append(list, o+"/"+name+"?"+signedBy([]string{"Signature", "token"}))
	}
	return append(list, user+"/userinfo.bin", user+"/both.bin?"+signedBy([]string{"sig"}),
		o+"/fragment.bin#access_token="+canary("fragment"),
		o+"/a;token="+canary("segment")+"/segment.bin", o+"/last.bin;jsessionid="+canary("last-segment"), o+"/token="+canary("named-segment"),
		o+"/hdnea=exp=1~acl=*~hmac="+canary("akamai")+"/akamai.bin",
		o+"/nested.php?from="+url.QueryEscape("https://u:"+canary("nested-user")+"@x.example/?token="+canary("nested")),
		o+"/https://u:"+canary("path-user")+"@x.example/mirror.bin?token="+canary("mirror"),
		"http://far.example/proxied.bin?"+signedBy([]string{"token"}),
	)
}

// putIn is what clients, operators, shells and origins do.
func (c *cage) putIn() {
	c.sign()
	c.follow()
	urls := c.asked()
	for i, u := range urls {
		switch i % 6 {
		case 0:
			c.get("/b/" + base64.RawURLEncoding.EncodeToString([]byte(u)) + "/" + canary("name"))
		case 1:
			c.get("/blob?url=" + url.QueryEscape(u))
		case 2:
			c.post("/admin/fetch", "url", u)
		case 3:
			c.verb("add", u)
		case 4:
			c.must(os.WriteFile(c.data("queue", fmt.Sprintf("shell%d.job", i)), []byte(u+"\n"), 0o660))
		case 5:
			c.post("/admin/fetch", "url", u+"\r\nsha256 "+strings.Repeat("0", 64)+"\r\n"+u+"&again=1\r\n")
		}
	}
	c.must(os.WriteFile(c.data("queue", "list.job"), []byte(strings.Join(urls[:20], "\n")+"\nnonsense token="+canary("batch-line")+"\n"), 0o660))
	c.must(os.WriteFile(c.data("queue", "garbage.job"), []byte("password="+canary("garbage")+"\nAuthorization: "+canary("garbage")+"\n"), 0o660))
	c.must(os.WriteFile(c.data("queue", "scheme.job"), []byte("ftp://u:"+canary("scheme")+"@h/?token="+canary("scheme")+"\n"), 0o660))
	for _, bad := range []string{"ftp://u:" + canary("bad") + "@h/x?token=" + canary("bad"), "http://h/ x?token=" + canary("bad"), "http://u:" + canary("bad") + "@/x?sig=" + canary("bad")} {
		c.get("/b/" + base64.RawURLEncoding.EncodeToString([]byte(bad)) + "/x")
		c.get("/blob?url=" + url.QueryEscape(bad))
		c.post("/admin/fetch", "url", bad)
		c.verb("add", bad)
		c.verb("why", bad)
		c.verb("approve", bad)
		c.verb("put", bad, os.Args[0])
	}
	c.upload(c.origin.URL + "/uploaded.bin?" + signedBy([]string{"token"}))
	c.upload("nonsense?" + signedBy([]string{"token"}))
	file := filepath.Join(c.dir, "carried")
	c.must(os.WriteFile(file, []byte("carried in"), 0o600))
	c.verb("put", c.origin.URL+"/carried.bin?"+signedBy([]string{"X-Amz-Signature"}), file)
	misses, _ := os.ReadDir(c.data("misses"))
	for i, m := range misses {
		switch i % 4 {
		case 0:
			c.post("/admin/ask", "key", m.Name())
			c.post("/admin/approve", "key", m.Name())
		case 1:
			c.verb("approve", m.Name())
		case 2:
			if err := os.Rename(c.data("misses", m.Name()), c.data("queue", m.Name())); !errors.Is(err, fs.ErrNotExist) { // another's fetch may have answered it
				c.must(err)
			}
		}
	}
	c.settle()
	c.verb("retry", "*forbidden*")
	c.post("/admin/retry", "id", c.first("failed", "*page*"), "url", c.origin.URL+"/page.run?"+signedBy([]string{"token"}))
	c.verb("deny", c.origin.URL+"/denied.bin?"+signedBy([]string{"token"}))
	c.verb("cancel", "*later*")
	c.settle()
}

// settle waits until nothing is due: what is left in queue/ comes again later.
func (c *cage) settle() {
	c.eventually("nothing runs", func() bool {
		out, err := c.program("ls", "--json", "queue").Output()
		c.must(err)
		active, err := os.ReadDir(c.data("active"))
		c.must(err)
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, `"due"`) {
				return false
			}
		}
		return len(active) == 0
	})
}

func (c *cage) first(dir, glob string) string {
	names, _ := filepath.Glob(c.data(dir, glob))
	if len(names) == 0 {
		c.t.Fatalf("nothing is %s/%s", dir, glob)
	}
	return filepath.Base(names[0])
}

// sign guesses, and then signs in; later guesses are another site's.
func (c *cage) sign() {
	c.post("/ui/login", "password", canary("guess"))
	if body := c.post("/ui/login", "password", c.password); !strings.Contains(body, "Misses") {
		c.t.Fatalf("no sign-in: %s", body)
	}
}

// follow opens the stream of changes, and looks at all that comes.
func (c *cage) follow() {
	resp, err := c.client.Do(c.request(http.MethodGet, "/events", nil, ""))
	c.must(err)
	c.stream.Go(func() {
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		c.look("/events", string(b))
		if !strings.Contains(string(b), "event: misses\n") {
			c.t.Error("the stream told nothing")
		}
	})
}

// request is one with a canary in every field that a client or a browser may send.
func (c *cage) request(method, path string, body io.Reader, kind string) *http.Request {
	r, err := http.NewRequest(method, c.url+path, body)
	c.must(err)
	for name, v := range map[string]string{
		"Authorization": "Basic ", "Proxy-Authorization": "Bearer ", "X-Api-Key": "", "X-Forwarded-For": "", "Forwarded": "for=", "Origin-Agent": "",
		"User-Agent": "curl/8.1 (", "From": "", "X-Real-Ip": "", "Last-Event-Id": "", "X-Amz-Security-Token": "",
	} {
		r.Header.Set(name, v+canary(name))
	}
	r.Header.Set("Referer", "https://wiki.example/?token="+canary("referer"))
	r.Header.Set("Accept", "text/html")
	r.AddCookie(&http.Cookie{Name: "other", Value: canary("cookie")})
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func (c *cage) do(r *http.Request) string {
	resp, err := c.client.Do(r)
	c.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	c.must(err)
	what := r.Method + " " + r.URL.Path
	c.look(what, string(b))
	for name, values := range resp.Header {
		c.look(what+" "+name, strings.Join(values, "\n"))
	}
	return string(b)
}

func (c *cage) get(path string) string { return c.do(c.request(http.MethodGet, path, nil, "")) }

func (c *cage) post(path string, kv ...string) string {
	form := url.Values{"token": {canary("field")}}
	for i := 0; i < len(kv); i += 2 {
		form.Add(kv[i], kv[i+1])
	}
	return c.do(c.request(http.MethodPost, path, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded"))
}

func (c *cage) upload(raw string) {
	var form strings.Builder
	m := multipart.NewWriter(&form)
	m.WriteField("url", raw)
	part, err := m.CreateFormFile("file", "x.bin?token="+canary("upload-name"))
	c.must(err)
	part.Write([]byte("carried in by a browser"))
	m.Close()
	c.do(c.request(http.MethodPost, "/admin/upload", strings.NewReader(form.String()), m.FormDataContentType()))
}

// verb runs one, and looks at all that it prints.
func (c *cage) verb(args ...string) string {
	out, err := c.program(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	c.look("fromcache "+args[0], string(out))
	return string(out)
}

// lookOut opens every page and asks every verb.
func (c *cage) lookOut() {
	shown := ""
	for _, path := range []string{"/", "/misses", "/misses?group=1", "/misses?page=2", "/downloads", "/artifacts", "/artifacts?page=2", "/add", "/stats", "/healthz", "/ui/login",
		"/downloads?state=queued", "/downloads?state=failed", "/downloads?state=completed", "/downloads?state=cancelled", "/nothing", "/artifacts/nothing"} {
		shown += c.get(path)
	}
	for _, dir := range []string{"misses", "queue", "active", "done", "failed", "cancelled", "denied"} {
		files, err := os.ReadDir(c.data(dir))
		c.must(err)
		for i, f := range files {
			c.get("/job?" + url.Values{"in": {dir}, "name": {f.Name()}}.Encode())
			if i%10 == 0 { // a process each
				c.verb("why", f.Name())
			}
		}
		c.verb("ls", dir)
		c.verb("ls", dir, "--json")
	}
	held, err := os.ReadDir(c.data("meta"))
	c.must(err)
	if len(held) < len(params) {
		c.t.Errorf("only %d artifacts are held", len(held))
	}
	for _, f := range held {
		c.get("/artifacts/" + strings.TrimSuffix(f.Name(), ".json"))
	}
	for _, u := range c.asked()[:10] {
		shown += c.verb("why", u) + c.verb("why", "--json", u)
		c.get("/blob?url=" + url.QueryEscape(u))
	}
	for _, words := range []string{"ls", "ls --json", "ls artifacts", "ls artifacts --json", "stats", "stats --days 3", "fsck", "fsck --quick", "fsck --repair", "gc --dry-run", "gc", "health",
		"version", "dismiss *", "evict *signed1.bin*", "nonsense", "help"} {
		shown += c.verb(strings.Fields(words)...)
	}
	for _, want := range []string{"REDACTED", "signed0.bin", "moved.bin", "forbidden.bin", "far.example"} {
		if !strings.Contains(shown, want) {
			c.t.Errorf("no page and no verb shows %s", want)
		}
	}
}

// lookBack stops the server, and looks at its log, at every file and at a backup.
func (c *cage) lookBack() {
	if err := c.end(syscall.SIGTERM); err != nil {
		c.t.Errorf("the server ended with %v", err)
	}
	c.stream.Wait()
	c.look("the log", c.log())
	c.mu.Lock()
	if !c.sent {
		c.t.Error("the origin saw no credentials")
	}
	c.mu.Unlock()
	c.must(os.Remove(filepath.Join(c.dir, "carried")))
	if n := c.lookAt(c.dir); n == 0 {
		c.t.Error("no job file holds a URL whole: the test puts nothing in")
	}
	c.backup()
	for _, s := range c.seen {
		c.t.Error(s)
	}
	c.t.Logf("%d outputs searched", c.looks)
}

// backup makes a backup: of secrets it has what is in the job files.
func (c *cage) backup() {
	to := c.t.TempDir()
	backUp(c.t, c.data(), to)
	if _, err := os.Stat(filepath.Join(to, "session-secret")); !errors.Is(err, fs.ErrNotExist) {
		c.t.Error("the backup has the session-secret")
	}
	if n := c.lookAt(to); n == 0 {
		c.t.Error("the backup has no job file")
	}
}

var jobFile = regexp.MustCompile(`(^|/)((misses|queue|active|done|failed|cancelled|denied)/[^/]+)$`)

// lookAt reads every file below dir, and its name; it counts the job files that hold a canary, as they may.
func (c *cage) lookAt(dir string) (inJobs int) {
	c.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		c.look("the name of "+name, name)
		b, err := os.ReadFile(path)
		switch {
		case err != nil || d.Name() == "session-secret":
			return err
		case jobFile.MatchString(name) && !strings.HasSuffix(name, ".why"):
			if strings.Contains(string(b), "canary-") {
				inJobs++
			}
			return nil
		case strings.Contains(name, "/blobs/"):
			return nil // the artifact itself
		}
		c.look(name, string(b))
		return nil
	}))
	return inJobs
}

// look finds canaries, in plain and in base64.
func (c *cage) look(where, text string) {
	var found []string
	if strings.Contains(text, "anary") { // most holds none
		found = caught.FindAllString(text, -1)
	}
	for _, s := range coded {
		if strings.Contains(text, s) {
			found = append(found, "one in base64")
		}
	}
	for _, s := range c.secrets {
		if strings.Contains(text, s) {
			found = append(found, "the session-secret")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	for _, f := range found {
		c.seen = append(c.seen, fmt.Sprintf("%s shows %s", where, f))
	}
}
