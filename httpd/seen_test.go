package httpd

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/job"
)

// signedBy is one artifact with a signature of each client.
func signedBy(path, who string) string {
	return "https://vendor.example/" + path + "?AWSAccessKeyId=k&Expires=1700000000&Signature=" + who
}

// approvals are the values of the buttons that approve, as a page has them.
func approvals(page string) (values []string) {
	for _, m := range regexp.MustCompile(`name="key" value="([^"]*)" formaction="admin/approve"`).FindAllStringSubmatch(page, -1) {
		values = append(values, m[1])
	}
	return values
}

func (w *world) queued(k string) string {
	b, err := os.ReadFile(filepath.Join(w.dir, "queue", k+".job"))
	if err != nil {
		return ""
	}
	return job.Parse(b).Jobs[0].FetchURL()
}

// TestWhatWasSeenIsApproved: a button is of the URL beside it, whatever clients have noted since the page was made.
func TestWhatWasSeenIsApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	k := missed(w, signedBy("a.bin", "good"))
	_, page := b.get("/misses")
	one := approvals(page)
	if len(one) != 1 || one[0] != k+"@"+job.URLSum(signedBy("a.bin", "good")) {
		t.Fatalf("%q", one)
	}
	missed(w, signedBy("a.bin", "evil"))
	if resp, body := b.post("/admin/approve", "key", one[0]); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if got := w.queued(k); got != signedBy("a.bin", "good") {
		t.Errorf("queued is %s", got)
	}
}

// TestEachURLHasItsButton: a row of several URLs shows in what they differ, and each can be chosen; the newest is on top.
func TestEachURLHasItsButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	var k string
	for i := range 9 {
		k = missed(w, signedBy("a.bin", fmt.Sprint(i)))
	}
	_, page := b.get("/misses")
	want := func(all ...int) (values []string) {
		for _, i := range all {
			values = append(values, k+"@"+job.URLSum(signedBy("a.bin", fmt.Sprint(i))))
		}
		return values
	}
	if got := approvals(page); !slices.Equal(got, want(8, 7, 6, 5, 0)) || !strings.Contains(page, "which differ in Signature.") || !strings.Contains(page, "and 4 more") || !strings.Contains(page, "<code>@"+job.URLSum(signedBy("a.bin", "8"))[:12]+"</code>") {
		t.Errorf("%q\n%s", got, page)
	}
	_, all := b.get("/job?in=misses&name=" + k)
	if got := approvals(all); !slices.Equal(got, want(8, 7, 6, 5, 4, 3, 2, 1, 0)) {
		t.Errorf("%q", got)
	}
	if !regexp.MustCompile(`Signature=REDACTED-[0-9a-f]{4}<`).MatchString(page) {
		t.Errorf("signatures look alike in %s", page)
	}
	if strings.Contains(page, "Signature=8") || strings.Contains(all, "Signature=8") {
		t.Error("a page shows a signature")
	}
	// What is asked about is what is shown, and so is what its page approves.
	resp, asked := b.post("/admin/ask", "key", want(3)[0])
	if got := approvals(asked); resp.StatusCode != http.StatusOK || !slices.Equal(got, want(3)) {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
	b.post("/admin/approve", "key", want(3)[0])
	if got := w.queued(k); got != signedBy("a.bin", "3") {
		t.Errorf("queued is %s", got)
	}
}

// TestAnApprovalOfNobodyKnowsWhat: a form that does not say what was seen is good for a miss of one URL; of several it is
// told the choice. So is one that says what is not there.
func TestAnApprovalOfNobodyKnowsWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	k := missed(w, signedBy("a.bin", "one"))
	missed(w, signedBy("a.bin", "two"))
	for _, value := range []string{k, k + "@" + job.URLSum(signedBy("a.bin", "three"))} {
		resp, body := b.post("/admin/approve", "key", value)
		if resp.StatusCode != http.StatusConflict || !strings.Contains(body, job.URLSum(signedBy("a.bin", "one"))) || !strings.Contains(body, job.URLSum(signedBy("a.bin", "two"))) {
			t.Errorf("%s: %d %s", value, resp.StatusCode, body)
		}
		if marks := regexp.MustCompile(`Signature=REDACTED-[0-9a-f]+`).FindAllString(body, -1); len(marks) != 2 || marks[0] == marks[1] {
			t.Errorf("%s: what is hidden is not told apart: %q", value, marks)
		}
		if w.queued(k) != "" {
			t.Fatal("approved")
		}
	}
	single := missed(w, signedBy("b.bin", "one"))
	if resp, _ := b.post("/admin/approve", "key", single); resp.StatusCode != http.StatusSeeOther || w.queued(single) == "" {
		t.Errorf("a miss of one URL: %d", resp.StatusCode)
	}
}

// TestManyAreApprovedAsSeen: each by its own URL; what changed since is left, and told of.
func TestManyAreApprovedAsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	keys, form := map[string]string{}, []string{"in", "misses"}
	for _, name := range []string{"a.bin", "b.bin", "c.bin"} {
		keys[name] = missed(w, signedBy(name, "good"))
	}
	_, page := b.get("/misses")
	for _, m := range regexp.MustCompile(`<input type="checkbox" name="key" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form = append(form, "key", m[1])
	}
	missed(w, signedBy("a.bin", "evil"))
	w.must(os.Remove(filepath.Join(w.dir, "misses", keys["b.bin"]))) // dismissed by another, and asked for anew
	missed(w, signedBy("b.bin", "evil"))
	resp, body := b.post("/admin/approve", form...)
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if _, page = b.get("/"); !strings.Contains(page, "Approved 2 of 3; 1 changed since you looked") {
		t.Error(page)
	}
	for name, want := range map[string]string{"a.bin": signedBy("a.bin", "good"), "b.bin": "", "c.bin": signedBy("c.bin", "good")} {
		if got := w.queued(keys[name]); got != want {
			t.Errorf("%s: queued is %q", name, got)
		}
	}
	// What is chosen and is no approval needs no more than its name.
	if resp, _ := b.post("/admin/dismiss", "key", keys["b.bin"]+"@"+strings.Repeat("0", 64), "in", "misses"); resp.StatusCode != http.StatusSeeOther || w.is("misses/"+keys["b.bin"]) {
		t.Errorf("dismiss: %d", resp.StatusCode)
	}
}

// TestAllThatMatchIsOfThen: what was noted after the page was made is not approved with it.
func TestAllThatMatchIsOfThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	k := missed(w, signedBy("a.bin", "good"))
	until := time.Now().Unix()
	w.append("misses/"+k, time.Unix(until+2, 0).UTC().Format(time.RFC3339)+" miss 10.0.0.66 curl/8 "+signedBy("a.bin", "evil")+"\n")
	if resp, body := b.post("/admin/approve", "all", "1", "until", strconv.FormatInt(until, 10)); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if got := w.queued(k); got != signedBy("a.bin", "good") {
		t.Errorf("queued is %s", got)
	}
}
