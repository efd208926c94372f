package httpd

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestRulesPage: a rule is made from a group of misses, shown with what it took beside what is
// denied, and taken back.
func TestRulesPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	missed(w, "https://vendor.example/a.bin")
	b := w.browser()
	shows := func(page string, want ...string) {
		t.Helper()
		_, body := b.get(page)
		for _, s := range want {
			if !strings.Contains(body, s) {
				t.Errorf("%s has no %q: %s", page, s, body)
			}
		}
	}
	shows("/misses?group=1", `<a href="rules?host=vendor.example#always">Always approve from vendor.example`)
	shows("/rules?host=vendor.example", ` value="vendor.example"`, `id="always" open`, "Nothing is denied.")
	shows("/rules?host=%22%3E%3Cscript%3E", ` value="&#34;&gt;&lt;script&gt;"`)
	if resp, body := b.post("/admin/rule", "key", "Vendor.example ", "path", "/cuda/*", "budget", "2GiB/30d", "max-size", "", "digest", "required"); resp.StatusCode != http.StatusSeeOther {
		t.Error(resp.Status, body)
	}
	text, err := os.ReadFile(w.store.Dir() + "/allowed/vendor.example")
	if err != nil || !strings.HasPrefix(string(text), "path /cuda/*\nbudget 2GiB/30d\ndigest required\n# ") {
		t.Errorf("%v: %q", err, text)
	}
	w.must(os.WriteFile(w.store.Dir()+"/done/x.job", []byte("https://vendor.example/cuda/x\n2026-11-22T21:27:26Z approve allowed/vendor.example\n2026-11-22T21:27:27Z done 1073741824 -\n"), 0o660))
	w.must(os.WriteFile(w.store.Dir()+"/allowed/bad.example", []byte("max-size huge\n"), 0o660))
	w.must(os.WriteFile(w.store.Dir()+"/denied/ads.example", []byte(""), 0o660))
	shows("/rules", "vendor.example", "path /cuda/*", "1 artifact<", ">1.0 GiB<", "left of 2.0 GiB in 30 days",
		"it allows nothing: its line 1 can&#39;t be taken", "ads.example", `formaction="admin/undeny"`)
	shows("/misses?group=1", "the rule vendor.example")
	for _, form := range [][]string{
		{"key", "vendor.example"}, // there is one
		{"key", "new.example", "path", "no slash"},
		{"key", "new.example", "path", "/a\nbudget 1/1d"},
		{"key", "*"},
		{"key", "../README"},
		{"key", ""},
	} {
		if resp, body := b.post("/admin/rule", form...); resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusConflict {
			t.Errorf("%q: %s %s", form, resp.Status, body)
		}
	}
	b.post("/admin/unrule", "key", "vendor.example")
	b.post("/admin/undeny", "key", "ads.example")
	if n := w.files("allowed"); n != 1 {
		t.Errorf("%d rules are left", n)
	}
	if n := w.files("denied"); n != 0 {
		t.Errorf("%d denials are left", n)
	}
}
