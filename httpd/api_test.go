package httpd

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/operate"
)

// program is a client of the API.
type program struct {
	w      *world
	bearer string
	header http.Header
}

// program makes a token with this role.
func (w *world) program(role fsstore.Role) *program {
	w.t.Helper()
	bearer, err := w.store.AddToken(string(role), role, time.Time{}, "cli test")
	w.must(err)
	return &program{w, bearer, http.Header{}}
}

func (p *program) call(method, path, body string) (*http.Response, string) {
	p.w.t.Helper()
	req, err := http.NewRequest(method, p.w.url(path), strings.NewReader(body))
	p.w.must(err)
	for k, v := range p.header {
		req.Header[k] = v
	}
	if h := p.header.Get("Host"); h != "" {
		req.Host = h
	}
	if p.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	p.w.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	p.w.must(err)
	return resp, string(text)
}

// wants calls, and wants this status and this text.
func (p *program) wants(method, path, body string, code int, text string) string {
	p.w.t.Helper()
	resp, got := p.call(method, path, body)
	if resp.StatusCode != code || !strings.Contains(got, text) {
		p.w.t.Errorf("%s %s is %d %s, and not %d %s", method, path, resp.StatusCode, got, code, text)
	}
	if kind := resp.Header.Get("Content-Type"); code >= 400 && kind != "application/problem+json" {
		p.w.t.Errorf("%s %s is %d as %s", method, path, code, kind)
	}
	return got
}

func into[T any](t *testing.T, text string) (v T) {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

const counts = "/api/v1/counts"

func (w *world) miss(rawURL string) {
	w.t.Helper()
	_, err := w.store.NoteMiss(rawURL, fsstore.Asker{Addr: "10.0.0.7", UserAgent: "curl/8.5.0"})
	w.must(err)
}

// TestTokens: a token reads or operates, and is revoked by rm.
func TestTokens(t *testing.T) {
	w := newWorld(t, Options{Access: access.Options{Password: "secret"}})
	nobody := &program{w, "", http.Header{}}
	resp, _ := nobody.call("GET", counts, "")
	if resp.Header.Get("Www-Authenticate") != `Bearer realm="fromcache"` {
		t.Errorf("%v", resp.Header)
	}
	nobody.wants("GET", counts, "", 401, "fromcache token add")
	nobody.wants("POST", "/api/v1/jobs", "{", 401, "send a token")
	reader, operator := w.program(fsstore.RoleRead), w.program(fsstore.RoleOperate)
	w.miss("https://example.com/x.run")
	name := into[operate.JobList](t, reader.wants("GET", "/api/v1/misses", "", 200, "")).Jobs[0].Name
	reader.wants("GET", counts, "", 200, `"misses":1`)
	for method, path := range map[string]string{"POST": "/misses/" + name + "/approve", "DELETE": "/misses/" + name, "PUT": "/denied/" + name, "GET": "/misses/" + name + "/origin"} {
		reader.wants(method, "/api/v1"+path, "", 403, "--role operate")
	}
	operator.wants("POST", "/api/v1/misses/"+name+"/approve", "", 202, `"state":"queue"`)
	if text, err := w.store.Log(fsstore.Queue, name+".job"); err != nil || !strings.Contains(string(text), " approve api operate:127.0.0.1\n") {
		t.Errorf("%v: %s", err, text)
	}
	for _, wrong := range []string{"", "x", reader.bearer + "x", "operate." + strings.TrimPrefix(reader.bearer, "read.")} {
		nobody.header["Authorization"] = []string{"Bearer " + wrong}
		nobody.wants("GET", counts, "", 401, "not known here")
	}
	nobody.header["Authorization"] = []string{"Basic b3BlcmF0b3I6c2VjcmV0"}
	nobody.wants("GET", counts, "", 401, "not known here")
	w.must(os.Remove(w.dir + "/tokens/read"))
	reader.wants("GET", counts, "", 401, "not known here")
	if strings.Contains(w.log.String(), operator.bearer) || strings.Contains(w.log.String(), reader.bearer) {
		t.Error("the log has a token")
	}
}

// TestAPIBehindTheSignIn: what may use the pages may use the API, with the same checks.
func TestAPIBehindTheSignIn(t *testing.T) {
	w := newWorld(t, Options{Access: access.Options{Password: "secret"}})
	b := w.browser()
	b.post("/ui/login", "password", "secret")
	if resp, text := b.get(counts); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	w.miss("https://example.com/x.run")
	jobs, err := w.store.Jobs(fsstore.Misses)
	w.must(err)
	b.header["Sec-Fetch-Site"] = []string{"cross-site"}
	if resp, _ := b.do("DELETE", "/api/v1/misses/"+jobs[0].Name, nil); resp.StatusCode != 403 || w.files("misses") != 1 {
		t.Errorf("another site's page may: %d", resp.StatusCode)
	}
	b.header["Sec-Fetch-Site"] = []string{"same-origin"}
	if resp, _ := b.do("DELETE", "/api/v1/misses/"+jobs[0].Name, nil); resp.StatusCode != 204 || w.files("misses") != 0 {
		t.Errorf("our own may not: %d", resp.StatusCode)
	}
}

// TestOpenAPI: without a password the API is open under this host's own names, and with a token
// under any.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := &program{w, "", http.Header{}}
	p.wants("GET", counts, "", 200, "")
	p.header.Set("Host", "rebound.example")
	p.wants("GET", counts, "", 403, "--public-host")
	p.bearer = w.program(fsstore.RoleRead).bearer
	p.wants("GET", counts, "", 200, "")
	p.wants("DELETE", "/api/v1/jobs", "", 403, "may only read")
}

// TestPages: a list is read to its end whatever the size of a page.
func TestPagesOfTheAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleRead)
	for _, x := range "abcde" {
		w.miss("https://example.com/" + string(x) + ".run")
		w.putIn("https://example.com/"+string(x)+".bin", "bytes of "+string(x))
	}
	for at, field := range map[string]string{"/api/v1/misses": "jobs", "/api/v1/artifacts": "artifacts", "/api/v1/jobs/misses": "jobs"} {
		for _, size := range []string{"1", "2", "5", "100"} {
			var names []string
			for next, pages := at+"?limit="+size, 0; next != "" && pages < 9; pages++ {
				resp, text := p.call("GET", next, "")
				names = append(names, regexp.MustCompile(`example\.com--[a-e]\.`).FindAllString(regexp.MustCompile(`"key":"[^"]*"`).FindString(text), -1)...)
				list := into[map[string]any](t, text)
				if n := len(list[field].([]any)); n > 1 {
					names = append(names, make([]string, n-1)...)
				}
				next = ""
				if m := regexp.MustCompile(`^<(.*)>; rel="next"$`).FindStringSubmatch(resp.Header.Get("Link")); m != nil {
					next = m[1]
				}
				if (next == "") != (list["next"] == nil) {
					t.Errorf("Link and next differ: %v %s", resp.Header, text)
				}
			}
			if len(names) != 5 {
				t.Errorf("%s in pages of %s: %q", at, size, names)
			}
		}
	}
	p.wants("GET", "/api/v1/misses?match=*--c.run--*", "", 200, "c.run")
	p.wants("GET", "/api/v1/misses?match=*.zip", "", 200, `"jobs":[]`)
	p.wants("GET", "/api/v1/misses?match=[", "", 400, "no glob")
}

// TestAPIRefuses: what can't be understood is refused, and the text says why.
func TestAPIRefuses(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleOperate)
	const jobs = "/api/v1/jobs"
	p.wants("POST", jobs, `{"url":"https://example.com/x","sha":"1"}`, 422, "unexpected property")
	p.wants("POST", jobs, `{"url":"https://example.com/x","accept":["all"]}`, 422, "accept")
	p.wants("POST", jobs, `{"url":"https://example.com/x"`, 400, "unexpected end of JSON")
	p.wants("POST", jobs, `{}`, 422, "url")
	p.wants("POST", jobs, `{"url":"ftp://example.com/x"}`, 400, "only http:// and https://")
	p.wants("POST", jobs, `{"url":"`+strings.Repeat("x", 70<<10)+`"}`, 413, "too large")
	p.wants("GET", jobs+"/queue?pages=2", "", 422, "unknown query parameter")
	p.wants("GET", jobs+"/waiting", "", 422, "queue, active")
	p.wants("GET", jobs+"/queue/nothing", "", 404, "not there")
	p.wants("DELETE", "/api/v1/misses/"+strings.Repeat("x", 254), "", 404, "so long")
	p.wants("GET", "/api/v1/nothing", "", 404, "/api/openapi.json")
	p.wants("PATCH", jobs, "", 405, "takes DELETE, POST")
	p.wants("GET", jobs+"/queue/%01", "", 400, "control character")
	p.wants("DELETE", "/api/v1/artifacts/example.com--x--0123456789abcdef0123456789abcdef", "", 404, "")
	p.wants("POST", "/api/v1/misses/x/approve", `{"sum":"1"}`, 422, "sum")
	p.header.Set("Content-Type", "text/plain")
	p.wants("POST", jobs, `url=https://example.com/x`, 415, "")
	w.must(os.WriteFile(w.dir+"/denied/ads.example", nil, 0o660))
	p.header.Del("Content-Type")
	p.wants("POST", jobs, `{"url":"https://ads.example/x"}`, 409, "denied/ads.example denies this URL")
	if n := w.files("queue"); n != 0 {
		t.Errorf("%d jobs are queued", n)
	}
}

// TestPutByAPI: bytes are held once they are whole and are what they should be.
func TestPutByAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleOperate)
	at := "/api/v1/artifacts?url=" + url.QueryEscape("https://example.com/x.run")
	p.header.Set("Content-Type", "application/octet-stream")
	p.wants("PUT", at, "<!DOCTYPE html><title>Sign in</title>", 409, `"location":"query.accept","value":"text/html"`)
	p.wants("PUT", at+"&sha256="+strings.Repeat("0", 64), "#!/bin/sh\n", 409, "was asked for")
	p.wants("PUT", at+"&accept=all", "#!/bin/sh\n", 422, "text/html")
	body := "#!/bin/sh\n"
	a := into[operate.Artifact](t, p.wants("PUT", at, body, 200, `"via":"put","by":"operate:127.0.0.1"`))
	if a.Size != int64(len(body)) || w.files("meta") != 1 {
		t.Errorf("%+v", a)
	}
	p.wants("GET", "/api/v1/lookup?url="+url.QueryEscape("https://example.com/x.run"), "", 200, a.SHA256)
	p.wants("PUT", at, body+"# 2\n", 200, "")
	p.wants("GET", "/api/v1/artifacts/"+a.Key+"/versions", "", 200, a.SHA256)
	req, err := http.NewRequest("PUT", w.url(at), io.MultiReader(strings.NewReader(body), &broken{}))
	w.must(err)
	req.ContentLength = 1 << 20
	req.Header.Set("Authorization", "Bearer "+p.bearer)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Errorf("half a body is answered %d", resp.StatusCode)
	}
	eventually(t, "the half is gone", func() bool { return w.files("tmp") == 0 })
	p.wants("GET", "/api/v1/artifacts/"+a.Key, "", 200, `"size":14`)
	p.wants("DELETE", "/api/v1/artifacts/"+a.Key, "", 204, "")
	p.wants("GET", "/api/v1/artifacts/"+a.Key, "", 404, "")
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, os.ErrClosed }

// TestPreferWait: a call that queues a job is answered when the job has ended, when the wait is
// over, and when the server stops.
func TestPreferWait(t *testing.T) {
	w := newWorld(t, Options{HeaderTimeout: time.Second})
	p := w.program(fsstore.RoleOperate)
	p.header.Set("Prefer", "respond-async, wait=1")
	resp, text := p.call("POST", "/api/v1/jobs", `{"url":"https://example.com/x.run"}`)
	if resp.StatusCode != 202 || resp.Header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
	}
	job := into[operate.Job](t, text)
	p.header.Set("Prefer", "wait=600")
	answers := make(chan string)
	wait := func() {
		resp, text := p.call("GET", "/api/v1/jobs/any/"+job.Name, "")
		answers <- resp.Status + " " + text
	}
	go wait()
	select { // longer than the server's deadline for a request
	case got := <-answers:
		t.Fatalf("the job waits, and the answer is %s", got)
	case <-time.After(1500 * time.Millisecond):
	}
	c, err := w.store.Claim(job.Name)
	w.must(err)
	part, err := c.Part(t.Context(), false)
	w.must(err)
	_, err = part.Write([]byte("#!/bin/sh\n"))
	w.must(err)
	_, err = c.Publish(part, fsstore.Origin{})
	w.must(err)
	if got := <-answers; !strings.HasPrefix(got, "200 OK") || !strings.Contains(got, `"state":"done"`) || !strings.Contains(got, " done 10 ") {
		t.Errorf("done: %s", got)
	}
	p.header.Del("Prefer")
	p.wants("POST", "/api/v1/jobs/done/"+job.Name+"/retry", "", 202, `"state":"queue"`)
}

// TestWaitEndsWithTheServer: a wait does not hold up a restart.
func TestWaitEndsWithTheServer(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleOperate)
	p.header.Set("Prefer", "wait=600")
	answers := make(chan string)
	go func() {
		resp, text := p.call("POST", "/api/v1/jobs", `{"url":"https://example.com/x.run"}`)
		answers <- resp.Status + " " + text
	}()
	eventually(t, "no job", func() bool { return w.files("queue") == 1 })
	w.stop()
	if got := <-answers; !strings.HasPrefix(got, "202") {
		t.Error(got)
	}
}

// TestAPIShowsNoSecret: a signature in a URL leaves the directory in no answer.
func TestAPIShowsNoSecret(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleOperate)
	secret := "https://example.com/x.run?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A&X-Amz-Date=20300101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0123abcd"
	w.miss(secret)
	var all bytes.Buffer
	read := func(path string) string { _, text := p.call("GET", path, ""); all.WriteString(text); return text }
	list := into[operate.JobList](t, read("/api/v1/misses"))
	read("/api/v1/misses/" + list.Jobs[0].Name)
	read("/api/v1/why?url=" + url.QueryEscape(secret))
	read("/api/v1/stats")
	p.call("POST", "/api/v1/misses/"+list.Jobs[0].Name+"/approve", `{"sum":"`+list.Jobs[0].Sum+`"}`)
	read("/api/v1/jobs/queue")
	read("/api/v1/jobs/queue/" + list.Jobs[0].Name + ".job")
	if text := all.String(); strings.Contains(text, "0123abcd") || !strings.Contains(text, "REDACTED") {
		t.Errorf("a signature is shown, or nothing is: %s", text)
	}
}

// TestDeniedByAPI: deny, list, allow.
func TestDeniedByAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleOperate)
	w.miss("https://example.com/x.run")
	name := into[operate.JobList](t, p.wants("GET", "/api/v1/misses", "", 200, "")).Jobs[0].Name
	p.wants("PUT", "/api/v1/denied/"+name, "", 204, "")
	p.wants("PUT", "/api/v1/denied/*.ads.example", "", 204, "")
	p.wants("PUT", "/api/v1/denied/A%20B", "", 400, "neither a key")
	p.wants("GET", "/api/v1/denied", "", 200, `"*.ads.example"`)
	p.wants("GET", "/api/v1/denied/"+name, "", 200, "deny api operate:127.0.0.1")
	p.wants("DELETE", "/api/v1/denied/"+name, "", 204, "")
	p.wants("DELETE", "/api/v1/denied/"+name, "", 404, "")
	if n := w.files("denied"); n != 1 {
		t.Errorf("denied/ has %d files", n)
	}
}

// TestLogByAPI: what can't be understood is refused; a wait ends with the server; a role that only
// reads may read.
func TestLogByAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleRead)
	w.miss("https://example.com/x.run?sig=c4n4ry")
	log := p.wants("GET", "/api/v1/log", "", 200, `"text":"miss 10.0.0.7 curl/8.5.0`)
	e := into[fsstore.JournalEntry](t, log)
	if e.State != fsstore.Misses || e.Key == "" || strings.Contains(log, "c4n4ry") {
		t.Errorf("%+v", e)
	}
	p.wants("GET", "/api/v1/log?since=2999-01-01T00:00:00Z", "", 200, "")
	if _, text := p.call("GET", "/api/v1/log?since=2999-01-01T00:00:00Z", ""); text != "" {
		t.Errorf("since is not heard: %s", text)
	}
	p.wants("GET", "/api/v1/log?since=2030-01-31Tnoon", "", 400, "since is no time")
	p.wants("GET", "/api/v1/log?match=[", "", 400, "no glob")
	p.wants("GET", "/api/v1/log?match=ftp://example.com/x", "", 400, "only http:// and https://")
	req, err := http.NewRequest("GET", w.url("/api/v1/log"), nil)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+p.bearer)
	req.Header.Set("Prefer", "wait=600")
	resp, err := http.DefaultTransport.RoundTrip(req)
	w.must(err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != log {
		t.Errorf("%v: %s", err, line)
	}
	w.miss("https://example.com/later.run")
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "later.run") {
		t.Errorf("%v: %s", err, line)
	}
	w.stop()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%v: %s", err, rest)
	}
}

// TestCountsOfTheAPI: what the server has in memory gives the numbers that a walk over the files does.
func TestCountsOfTheAPI(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.program(fsstore.RoleRead)
	local := &operate.Local{Store: w.store}
	for range 2 {
		w.putIn("https://example.com/"+rand.Text()+".run", "the same bytes")
		a := w.putIn("https://example.com/"+rand.Text()+".run", rand.Text())
		w.store.Hit(a.Key)
		w.must(w.store.FlushHits())
		w.store.Hit(a.Key)
		counted, err := local.Counts(t.Context())
		w.must(err)
		got := into[operate.Counts](t, p.wants("GET", counts, "", 200, ""))
		got.Free, counted.Free = 0, 0
		if !reflect.DeepEqual(got, counted) || got.Artifacts == 0 || got.Hits == 0 || got.Bytes%26 != 14 {
			t.Errorf("%+v, want %+v", got, counted)
		}
		stats, err := local.Stats(t.Context(), 1)
		w.must(err)
		if got := into[operate.Stats](t, p.wants("GET", "/api/v1/stats?days=1", "", 200, "")); !reflect.DeepEqual(got, stats) || len(got.Saved) == 0 {
			t.Errorf("%+v, want %+v", got, stats)
		}
	}
	w.must(os.WriteFile(w.dir+"/meta/example.com--x--0123456789abcdef0123456789abcdef.json", []byte("{"), 0o660))
	counted, err := local.Counts(t.Context())
	w.must(err)
	if got := into[operate.Counts](t, p.wants("GET", counts, "", 200, "")); got.Artifacts != 5 || counted.Artifacts != 5 {
		t.Errorf("%d and %d artifacts with one that can't be read, want 5", got.Artifacts, counted.Artifacts)
	}
}
