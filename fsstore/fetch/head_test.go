package fetch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHead: what an operator is told is what a download would find.
func TestHead(t *testing.T) {
	var asked []string
	origin := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/file.run", http.StatusFound)
		case "/gone":
			http.NotFound(w, r)
		case "/cut":
			if r.Method == http.MethodHead {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Range", "bytes 0-0/77777")
			w.WriteHeader(http.StatusPartialContent)
		case "/odd":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusBadGateway)
			}
		case "/down":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		case "/signed":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.Header().Set("Content-Range", "bytes 0-0/77777")
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("x"))
		default:
			w.Header().Set("Content-Length", "5368709120")
			w.Header().Set("Content-Type", "application/x-makeself")
			w.Header().Set("Last-Modified", "Tue, 03 Nov 2026 10:00:00 GMT")
		}
	}))
	defer origin.Close()
	l := newLab(t, Options{Origins: fstest.MapFS{"127.0.0.1": {Data: []byte("Authorization: Bearer x\n"), Mode: 0o600}}})
	l.p.client.TLS = origin.Client().Transport.(*http.Transport).TLSClientConfig
	for _, c := range []struct {
		path               string
		status, redirects  int
		size               int64
		contentType, asked string
	}{
		{"/file.run", 200, 0, 5 << 30, "application/x-makeself", "HEAD /file.run Bearer x"},
		{"/moved", 200, 1, 5 << 30, "application/x-makeself", "HEAD /moved Bearer x,HEAD /file.run Bearer x"},
		{"/signed?sig=1", 200, 0, 77777, "", "HEAD /signed?sig=1 Bearer x,GET /signed?sig=1 Bearer x"},
		{"/cut", 200, 0, 77777, "", "HEAD /cut Bearer x,GET /cut Bearer x"},
		{"/odd", 200, 0, 0, "", "HEAD /odd Bearer x,GET /odd Bearer x"},
		{"/gone", 404, 0, -2, "", "HEAD /gone Bearer x,GET /gone Bearer x"},
	} {
		asked = nil
		f, err := l.p.Head(context.Background(), origin.URL+c.path, "")
		if err != nil || f.Status != c.status || f.Redirects != c.redirects || c.size != -2 && f.Size != c.size || !strings.HasPrefix(f.Type, c.contentType) {
			t.Errorf("%s: %+v %v", c.path, f, err)
		}
		if got := strings.Join(asked, ","); got != c.asked {
			t.Errorf("%s: asked %s, want %s", c.path, got, c.asked)
		}
		if _, err := l.p.Head(context.Background(), origin.URL+"/down", ""); err == nil || !strings.Contains(err.Error(), "from https to http") {
			t.Errorf("a redirect that no download follows: %v", err)
		}
		if c.path == "/moved" && (f.Final != origin.URL+"/file.run" || f.Modified.Year() != 2026) {
			t.Errorf("%+v", f)
		}
	}
}

// TestHeadObeys the rules of addresses.
func TestHeadObeys(t *testing.T) {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	l := newLab(t, Options{AllowOrigin: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if f, err := l.p.Head(context.Background(), origin.URL, ""); err == nil || !strings.Contains(err.Error(), "--allow-origin") {
		t.Errorf("%+v %v", f, err)
	}
	if _, err := l.p.Head(context.Background(), "gopher://h/", ""); err == nil {
		t.Error("a URL without a key")
	}
}
