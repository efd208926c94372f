package httpd

import (
	"net/http"
	"net/url"
	"testing"
)

// TestRedirectMisses: with RedirectMisses the door redirects a miss, and no address that the shim
// asks does.
func TestRedirectMisses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{RedirectMisses: true})
	const origin = "https://vendor.example/new.run?a=%2F&or=origin"
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{
		"/m/https/vendor.example/new.run?a=%2F&or=origin": origin,
		"/https://vendor.example/new.run?a=%2F&or=origin": origin,
		"/b/" + token(origin) + "/new.run":                "",
		"/blob?url=" + url.QueryEscape(origin):            "",
		"/by-name/new.run":                                "",
	} {
		resp, err := client.Get("http://" + w.addr + path)
		w.must(err)
		resp.Body.Close()
		if got := resp.Header.Get("Location"); got != want || (want != "") != (resp.StatusCode == http.StatusTemporaryRedirect) {
			t.Errorf("%s: %d to %q, want %q", path, resp.StatusCode, got, want)
		}
	}
}
