package httpd

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"fromcache/httpd/pages"
)

// TestSearchByClientAndDigest: who asked finds what was fetched for it, and nobody whose address only
// begins so; a digest that a miss has finds it.
func TestSearchByClientAndDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	digest := strings.Repeat("5ab1", 16)
	missed(w, "https://vendor.example/wanted.run")
	w.append("misses/"+keyOf(w, "https://vendor.example/wanted.run"), "sha256 "+digest+"\n")
	a := w.hold("https://vendor.example/held.run", []byte("held"), noOrigin)
	w.must(os.WriteFile(w.store.Dir()+"/done/"+a.Key+".job", []byte("https://vendor.example/held.run\n"+
		"2026-11-22T21:27:20Z miss x3 10.0.0.7 curl/8.5.0\n2026-11-22T21:27:21Z miss 10.0.0.9 Wget/1.21\n"+
		"2026-11-22T21:27:26Z approve web\n2026-11-22T21:27:27Z done 4 "+a.SHA256+"\n"), 0o660))
	w.must(os.WriteFile(w.store.Dir()+"/failed/gone.job", []byte("https://vendor.example/gone.run\n"+
		"2026-11-22T21:27:20Z miss 10.0.0.9 Wget/1.21\n2026-11-22T21:27:27Z failed 404\n"), 0o660))
	for _, c := range []struct {
		q                       string
		misses, jobs, artifacts int
	}{
		{"10.0.0.7", 0, 1, 1}, {"10.0.0.9", 0, 2, 1}, {"10.0.0", 0, 0, 0}, {"10.0.0.70", 0, 0, 0}, {"wget", 0, 2, 1},
		{"5ab15a", 1, 0, 0}, {digest, 1, 0, 0}, {"5ab1", 0, 0, 0}, {a.SHA256[:12], 0, 1, 1}, {"held.run", 0, 1, 1}, {"vendor.example", 1, 2, 1},
	} {
		_, body := w.browser().get("/search?q=" + url.QueryEscape(c.q))
		got := fmt.Sprint(strings.Count(body, ` class="pick"`), strings.Count(body, ` class="state `), strings.Count(body, `<tr class="row"`))
		if want := fmt.Sprint(c.misses, c.jobs, c.artifacts); got != want {
			t.Errorf("%s: %s misses, jobs, artifacts, want %s", c.q, got, want)
		}
	}
	if _, body := w.browser().get("/search?q=10.0.0.7"); !strings.Contains(body, "1 because 10.0.0.7 had asked") {
		t.Error("it is not said why the artifact was found")
	}
}

// TestSearchByPublishedDigest: a digest that a site publishes beside a file finds the miss, once
// somebody has asked for it.
func TestSearchByPublishedDigest(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("c0de", 16)
	w := newWorld(t, Options{Published: func(context.Context, string, string) pages.Published {
		return pages.Published{Digests: []pages.PublishedDigest{{SHA256: digest, In: "SHA256SUMS"}}, Agreed: digest}
	}})
	k := missed(w, "https://vendor.example/wanted.run")
	missed(w, "https://vendor.example/other.run")
	found := func() int {
		_, body := w.browser().get("/search?q=" + digest[:12])
		return strings.Count(body, ` class="pick"`)
	}
	if n := found(); n != 0 {
		t.Errorf("%d are found before anybody has asked", n)
	}
	w.browser().post("/admin/digests", "key", k)
	if n := found(); n != 1 {
		t.Errorf("%d are found", n)
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

// TestSearchSaysWhatToDo: what finds nothing says how to find something, and what finds much how to
// find less and where the rest is.
func TestSearchSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for i := range 12 {
		missed(w, fmt.Sprintf("https://vendor.example/m%02d.run", i))
		w.hold(fmt.Sprintf("https://vendor.example/a%02d.run", i), []byte{byte(i)}, noOrigin)
	}
	for q, want := range map[string][]string{
		"":               {"the address or tool of a client"},
		"nosuchthing":    {"Nothing matches", "six digits or more", "can be added"},
		"vendor.example": {"Ten of each kind are shown", "Misses 12", "Artifacts 12", "and 2 more", "Downloads 12"},
		"m03":            {"Misses 1"},
	} {
		_, body := w.browser().get("/search?q=" + url.QueryEscape(q))
		text := html.UnescapeString(tags.ReplaceAllString(body, ""))
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("%q: the page does not say %q", q, s)
			}
		}
	}
	if _, body := w.browser().get("/misses?q=nosuchthing"); !strings.Contains(body, `<a href="search?q=nosuchthing">`) {
		t.Error("a filter that finds nothing does not lead to the search")
	}
}
