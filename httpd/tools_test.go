package httpd

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/pages"
)

// TestAsk: the origin is asked for what would be fetched, and its answer is
// redacted.
func TestAsk(t *testing.T) {
	t.Parallel()
	var asked string
	w := newWorld(t, Options{Head: func(_ context.Context, raw, _ string) (pages.OriginFacts, error) {
		if asked = raw; strings.Contains(raw, "down") {
			return pages.OriginFacts{}, errors.New("no route to https://vendor.example/down.bin?AWSAccessKeyId=k&Expires=1&Signature=c4n4ryc4n4ry")
		}
		return pages.OriginFacts{Status: 200, Size: 6 << 30, Type: "application/x-<b>", Modified: time.Unix(1790000000, 0), Final: "https://cdn.example/a.bin?X-Amz-Signature=c4n4ryc4n4ry", Redirects: 2}, nil
	}})
	b := w.browser()
	k := missed(w, "https://vendor.example/a.bin?AWSAccessKeyId=k&Expires=1&Signature=one")
	_, body := b.post("/admin/ask", "key", k)
	for _, want := range []string{"200 OK", "6.0 GiB", "application/x-&lt;b&gt;", "cdn.example", "after 2 redirects", "2026-09-21"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if asked != "https://vendor.example/a.bin?AWSAccessKeyId=k&Expires=1&Signature=one" || strings.Contains(body, "c4n4ry") {
		t.Errorf("asked %s, said %s", asked, body)
	}
	_, body = b.post("/admin/ask", "key", missed(w, "https://vendor.example/down.bin"))
	if !strings.Contains(body, "can't be asked: no route") || strings.Contains(body, "c4n4ry") {
		t.Error(body)
	}
	if resp, _ := b.post("/admin/ask", "key", "nothing"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no such miss: %d", resp.StatusCode)
	}
}

// TestRetryAs: another URL of the same artifact is what is fetched then; one
// of another artifact is refused.
func TestRetryAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	c := w.claim("https://vendor.example/a.run?AWSAccessKeyId=k&Expires=1&Signature=old")
	w.must(c.Fail("403 Forbidden"))
	b := w.browser()
	resp, body := b.post("/admin/retry", "id", c.Key+".job", "url", "https://vendor.example/other.run")
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "another artifact") || !w.is("failed/"+c.Key+".job") {
		t.Errorf("another artifact: %d %s", resp.StatusCode, body)
	}
	if resp, body = b.post("/admin/retry", "id", c.Key+".job", "url", "https://vendor.example/a.run?AWSAccessKeyId=k&Expires=1&Signature=new"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	again, err := w.store.Claim(c.Key + ".job")
	w.must(err)
	if again == nil || again.URL != "https://vendor.example/a.run?AWSAccessKeyId=k&Expires=1&Signature=new" {
		t.Errorf("%+v", again)
	}
}

// TestButtonsOfOneName: failed/ and cancelled/ hold another history of what
// done/ holds, and each button is its own row's.
func TestButtonsOfOneName(t *testing.T) {
	t.Parallel()
	for _, pressed := range []struct{ in, verb, page string }{
		{"done", "retry", "/downloads"}, {"failed", "retry", "/downloads"}, {"cancelled", "dismiss", "/downloads"}, {"done", "again", "/artifacts/"},
	} {
		w := newWorld(t, Options{})
		a := w.hold("https://vendor.example/a.run", []byte("a"), noOrigin)
		for _, dir := range []string{"failed", "cancelled"} {
			w.must(os.WriteFile(filepath.Join(w.dir, dir, a.Key+".job"), []byte(a.URL+"\n2099-11-22T21:27:26Z "+dir+" x\n"), 0o660))
		}
		b := w.browser()
		if pressed.page == "/artifacts/" {
			pressed.page += a.Key
		}
		_, body := b.get(pressed.page)
		var own *control
		for _, c := range verbControls(t, pressed.page, body) {
			if c.to == "/admin/"+pressed.verb && (c.query == "in="+pressed.in || pressed.verb == "again") {
				own = c
			}
		}
		if own == nil {
			t.Fatalf("no button of %v in %s", pressed, body)
		}
		b.do(http.MethodPost, own.to+"?"+own.query, own.sends(nil))
		for _, dir := range []string{"failed", "cancelled", "done"} {
			if gone := !w.is(dir + "/" + a.Key + ".job"); gone != (dir == pressed.in) {
				t.Errorf("%v: gone from %s/ is %v", pressed, dir, gone)
			}
		}
	}
}

// TestPastedList: what a batch in queue/ means; a bad line queues nothing.
func TestPastedList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	sum := strings.Repeat("ab", 32)
	b.post("/admin/fetch", "url", "# for the lab\r\nhttps://vendor.example/1.bin\r\nsha256 "+sum+"\r\nhttps://vendor.example/2.bin\r\n")
	if n := w.files("queue"); n != 2 {
		t.Errorf("%d queued", n)
	}
	rep, err := w.store.Why("https://vendor.example/1.bin")
	w.must(err)
	if len(rep.Jobs) != 1 || rep.Jobs[0].Job.Sha256 != sum {
		t.Errorf("%+v", rep.Jobs)
	}
	for _, list := range []string{"https://vendor.example/3.bin\nnonsense\n", "# only\n# words\n"} {
		if resp, body := b.post("/admin/fetch", "url", list); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d %s", list, resp.StatusCode, body)
		}
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "denied", "evil.example"), nil, 0o640))
	b.post("/admin/fetch", "url", "https://vendor.example/4.bin\nhttps://evil.example/5.bin")
	if _, body := b.get("/"); !strings.Contains(body, "Queued 1 of 2; not https://evil.example/5.bin") {
		t.Error("a denied host in a list")
	}
}

// TestTally: what the read path does is counted, bytes too.
func TestTally(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.hold("https://vendor.example/a.bin", make([]byte, 1000), fsstore.Origin{Ranges: true})
	missed(w, "https://vendor.example/b.bin")
	for _, rng := range []string{"", "bytes=0-99", "bytes=900-"} {
		req, _ := http.NewRequest("GET", w.url("/b/"+token("https://vendor.example/a.bin")), nil)
		if rng != "" {
			req.Header.Set("Range", rng)
		}
		resp, err := http.DefaultClient.Do(req)
		w.must(err)
		resp.Body.Close()
	}
	eventually(t, "the numbers", func() bool {
		days, err := w.store.Stats(2) // it may have begun yesterday
		w.must(err)
		sum := func(name string) int64 { return days[0].N[name] + days[1].N[name] }
		return sum(fsstore.StatHits) == 2 && sum(fsstore.StatMisses) == 1 && sum(fsstore.StatServedBytes) == 1200 && sum(fsstore.StatFetchedBytes) == 1000
	})
}
