package httpd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/access"
)

// desk is a server without a socket, on a tree in memory where the machine has
// such a file system: what a form costs is fsync.
type desk struct {
	dir   string
	store *fsstore.Store
	srv   *Server
	posts []string
}

const (
	waitingURL = "https://vendor.example/waiting.run"
	failedURL  = "https://vendor.example/failed.run"
	heldURL    = "https://vendor.example/held.txt"
)

func newDesk(f *testing.F) *desk {
	dir, err := os.MkdirTemp("/dev/shm", "fuzz-")
	if err != nil {
		dir = f.TempDir()
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	d := &desk{dir: filepath.Join(dir, "data")}
	d.open(f)
	for _, route := range d.srv.table() {
		if route.Methods == http.MethodPost {
			d.posts = append(d.posts, route.Path)
		}
	}
	return d
}

// open begins the tree anew: a miss, a job that failed and an artifact.
func (d *desk) open(t testing.TB) {
	if d.store != nil {
		d.store.Close()
	}
	w := &world{t: t, dir: d.dir}
	w.must(os.RemoveAll(d.dir))
	var err error
	d.store, err = fsstore.Open(d.dir, fsstore.Options{MaxMisses: 100})
	w.must(err)
	d.srv, err = New(d.store, Options{Access: access.Options{Hostname: "cache.example"}})
	w.must(err)
	w.store = d.store
	w.hold(heldURL, []byte("held"), noOrigin)
	w.must(os.WriteFile(filepath.Join(d.dir, "misses", keyName(waitingURL)), []byte(waitingURL+"\n"), 0o660))
	w.must(os.WriteFile(filepath.Join(d.dir, "failed", keyName(failedURL)+".job"), []byte(failedURL+"\n"), 0o660))
}

// post sends a form as the operator's browser does, and returns the answer.
func (d *desk) post(path, ctype, body string, live bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = "cache.example"
	r.Header["Content-Type"] = []string{ctype}
	if live {
		r.Header.Set("X-Fromcache-Live", "1")
	} else {
		r.Header.Set("Accept", "text/html")
	}
	rec := httptest.NewRecorder()
	d.srv.ServeHTTP(rec, r)
	return rec
}

// check counts the blobs and jobs of the tree, in which fsck may find nothing.
func (d *desk) check(t *testing.T) (files int) {
	report, err := d.store.Fsck(context.Background(), fsstore.FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.Path, p.Text)
	}
	if top, err := os.ReadDir(filepath.Dir(d.dir)); err != nil || len(top) != 1 {
		t.Errorf("outside of the tree: %v, %v", top, err)
	}
	return report.Blobs + report.Jobs
}

// FuzzForm sends any body of any kind to each address that takes one, as an
// operator: the answer is one of the few that there are, and the tree is one in
// which fsck finds nothing.
func FuzzForm(f *testing.F) {
	d := newDesk(f)
	const plain = "application/x-www-form-urlencoded"
	miss, job, held := keyName(waitingURL), keyName(failedURL)+".job", keyName(heldURL)
	for i := range d.posts {
		for _, body := range []string{
			"", "key=" + miss + "&key=../x&id=" + job, "all=1&until=99999999999999&q=vendor&sort=asked", "key=" + held + "&url=" + url.QueryEscape(heldURL), "id=" + job + "&url=" + url.QueryEscape(failedURL+"?sig=1"),
			"url=" + url.QueryEscape("https://a.example/x.run\naccept any\nhttps://b.example/y\n") + "&accept=http", "url=https://a.example/x%0d%0aaccept+any&sha256=zz", "key=*.h.example&url=%zz", "password=x&key=%00&id=.&url=http://%ff/",
		} {
			f.Add(uint8(i), plain, body, i%2 == 0)
		}
		if !strings.Contains(d.posts[i], "upload") {
			continue
		}
		for _, body := range []string{uploadOf("url", "https://a.example/x.txt", "size", "5"), uploadOf("url", heldURL, "accept", "any"), uploadOf("url", "https://a.example/x.run\nsha256 0", "sha256", "0", "size", "-1"), uploadOf(), "--b\r\n\r\n--b--"} {
			f.Add(uint8(i), "multipart/form-data; boundary=b", body, i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, route uint8, ctype, body string, live bool) {
		path := d.posts[int(route)%len(d.posts)]
		rec := d.post(path, ctype, body, live)
		switch rec.Code {
		case 200, 303, 400, 404, 409, 413, 415, 422:
		default:
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		for k, vs := range rec.Header() {
			if strings.ContainsAny(k+strings.Join(vs, ""), "\r\n\x00") {
				t.Errorf("%s: field %s: %q", path, k, vs)
			}
		}
		if d.check(t) > 30 {
			d.open(t)
		}
	})
}

// uploadOf is a form with these fields, and a file behind them.
func uploadOf(fields ...string) string {
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n")
	}
	return b.String() + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nbytes\r\n--b--\r\n"
}

func keyName(rawURL string) string {
	u, err := key.Parse(rawURL, key.Auto)
	if err != nil {
		panic(err)
	}
	return u.Key()
}
