package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"fromcache/fsstore"
)

// TestPublished: what stands beside a file is found in each form, with the credentials of a download;
// what is no list, is of another file, is too large, redirects in circles or to where nothing may be
// fetched is none.
func TestPublished(t *testing.T) {
	one, two := strings.Repeat("1a", 32), strings.Repeat("2b", 32)
	var mu sync.Mutex
	sent := 0 // of the endless list
	texts := map[string]string{
		"/gnu/SHA256SUMS":    two + "  other\n" + one + " *x.run\n",
		"/gnu/x.run.asc":     "-----BEGIN PGP SIGNATURE-----",
		"/bsd/CHECKSUMS":     "SHA256 (x.run) = " + one + "\n",
		"/own/x.run.sha256":  strings.ToUpper(one) + "\n",
		"/two/SHA256SUMS":    one + "  x.run\n" + two + "  x.run\n",
		"/odds/SHA256SUMS":   one + "  x.run\n",
		"/odds/x.run.sha256": two + "  x.run\n",
		"/wrong/SHA256SUMS":  one[:40] + "  x.run\n" + one + one + "  x.run\n" + one + "  y.run\n",
		"/a b/SHA256SUMS":    one + "  x+y.run\n",
		"/large/SHA256SUMS":  one + "  x.run\n" + strings.Repeat("#", 1<<20),
	}
	origin := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer x" || r.URL.RawQuery != "" {
			t.Errorf("asked with %q for %s", r.Header.Get("Authorization"), r.URL)
		}
		dir, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		text, ok := texts[r.URL.Path]
		switch {
		case ok:
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, text)
		case dir == "page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, one+"  x.run\n")
		case dir == "loop":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case dir == "away":
			http.Redirect(w, r, "https://ads.example/x", http.StatusFound)
		case dir == "inside":
			http.Redirect(w, r, "https://169.254.169.254/x", http.StatusFound)
		case dir == "endless" && r.Method == http.MethodGet:
			for range 1 << 10 { // a GiB, of which nobody reads more than is allowed
				n, err := w.Write([]byte(strings.Repeat("#", 1<<20)))
				mu.Lock()
				sent += n
				mu.Unlock()
				if err != nil {
					return
				}
			}
		default:
			http.NotFound(w, r)
		}
	}))
	defer origin.Close()
	l := newLab(t, Options{Origins: fstest.MapFS{"127.0.0.1": {Data: []byte("Authorization: Bearer x\n"), Mode: 0o600}}})
	l.p.client.TLS = origin.Client().Transport.(*http.Transport).TLSClientConfig
	if err := l.s.Deny("ads.example", fsstore.Operator{Via: "cli"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, agreed string
		lists        []string
		signatures   int
		trouble      string
	}{
		{"/gnu/x.run?sig=secret", one, []string{"SHA256SUMS"}, 1, ""},
		{"/bsd/x.run", one, []string{"CHECKSUMS"}, 0, ""},
		{"/own/x.run", one, []string{"x.run.sha256"}, 0, ""},
		{"/two/x.run", "", []string{"SHA256SUMS"}, 0, ""},
		{"/odds/x.run", "", []string{"x.run.sha256", "SHA256SUMS"}, 0, ""},
		{"/wrong/x.run", "", nil, 0, ""},
		{"/a%20b/x%2By.run", one, []string{"SHA256SUMS"}, 0, ""},
		{"/large/x.run", "", nil, 0, ""},
		{"/page/x.run", "", nil, 0, ""},
		{"/none/x.run", "", nil, 0, ""},
		{"/endless/x.run", "", nil, 9, ""},
		{"/loop/x.run", "", nil, 0, "redirects"},
		{"/away/x.run", "", nil, 0, "denied/ads.example"},
		{"/inside/x.run", "", nil, 0, "169.254.169.254"},
		{"/gnu/", "", nil, 0, "directory"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		f := l.p.Published(ctx, origin.URL+c.path, "")
		cancel()
		var lists []string
		for _, d := range f.Digests {
			lists = append(lists, d.In)
			if !d.HTTPS || d.Host != "127.0.0.1" {
				t.Errorf("%s: %+v", c.path, d)
			}
		}
		if f.Agreed() != c.agreed || !slices.Equal(lists, c.lists) || c.signatures != 9 && len(f.Signatures) != c.signatures ||
			(f.Trouble == "") != (c.trouble == "") || !strings.Contains(f.Trouble, c.trouble) {
			t.Errorf("%s: %+v", c.path, f)
		}
	}
	if mu.Lock(); sent > 512<<20 {
		t.Errorf("%d MiB of endless lists were read", sent>>20)
	}
	mu.Unlock()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/SHA256SUMS") {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, one+"  x.run\n")
	}))
	defer plain.Close()
	if f := l.p.Published(t.Context(), plain.URL+"/x.run", ""); len(f.Digests) != 1 || f.Digests[0].HTTPS {
		t.Errorf("over http: %+v", f)
	}
}
