package templates

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	saidAs   = regexp.MustCompile(`(?:\bsay|\bword|\bWord|\bSay)\(? ?["'` + "`" + `]([a-z0-9.]+)["'` + "`" + `]`)
	saidFrom = regexp.MustCompile(`(?:\bsay|\bword|\bWord) ?\((?:print )?"([a-z.]+)" ?\+?`)
)

// TestWords: what pages, code and the script say stands in words.txt, and all that stands there is
// said by something.
func TestWords(t *testing.T) {
	used, begun := map[string]bool{}, map[string]bool{}
	read := func(name string) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range saidAs.FindAllStringSubmatch(string(b), -1) {
			if strings.HasSuffix(name, ".js") {
				m[1] = "script." + m[1]
			}
			used[m[1]] = true
		}
		for _, m := range saidFrom.FindAllStringSubmatch(string(b), -1) {
			begun[m[1]] = true
		}
	}
	for _, root := range []string{".", "../httpd"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && (d.Name() == "vendor" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			switch ext := filepath.Ext(name); {
			case ext == ".html", ext == ".js", ext == ".go" && !strings.HasSuffix(name, "_test.go"):
				read(name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range used {
		if words()[name] == "" && !begun[name] {
			t.Errorf("words.txt lacks %s", name)
		}
	}
	for name := range words() {
		said := used[name] || strings.HasSuffix(name, ".title")
		for prefix, is := range begun {
			said = said || is && strings.HasPrefix(name, prefix)
		}
		if !said {
			t.Errorf("nothing says %s", name)
		}
	}
}

// TestSay: values are escaped, numbers grouped, and a value that looks like a place for one is none.
func TestSay(t *testing.T) {
	words()["test"] = "<b>%s</b> of %s || <b>%s</b> more of %s"
	for _, c := range []struct {
		n    int
		s    string
		want string
	}{
		{1, "<script>", "<b>1</b> of &lt;script&gt;"}, {12345, "a", "<b>12,345</b> more of a"}, {2, "%s", "<b>2</b> more of %s"},
	} {
		if got, err := Say("test", c.n, c.s); err != nil || string(got) != c.want {
			t.Errorf("%q %v", got, err)
		}
	}
	words()["test.one"] = "one || %s"
	if got := Word("test.one", 1); got != "one" {
		t.Errorf("%q", got)
	}
	if got := Word("test", "%s", "<"); got != "<b>%s</b> more of <" {
		t.Errorf("%q", got)
	}
	if _, err := Say("no such text"); err == nil {
		t.Error("a text that is not there is said")
	}
}

// TestPlaceOf: the parts of a URL are all of it, in their order.
func TestPlaceOf(t *testing.T) {
	for url, want := range map[string]Place{
		"https://v.example/a/b.run":    {File: "b.run", Scheme: "https://", Head: "v.example/a/"},
		"https://v.example/get?f=/x/y": {File: "get", Query: "?f=/x/y", Scheme: "https://", Head: "v.example/"},
		"https://v.example":            {File: "v.example", Scheme: "https://"},
		"https://v.example/a/":         {File: "a/", Scheme: "https://", Head: "v.example/"},
		"notes.txt":                    {File: "notes.txt"},
		"https://v.example/" + strings.Repeat("dir/", 20) + "f": {File: "f", Scheme: "https://", Head: "v.example/" + strings.Repeat("dir/", 14) + "dir", Tail: "/" + strings.Repeat("dir/", 5), Long: true},
	} {
		got := PlaceOf(url)
		if got != want {
			t.Errorf("%s: %+v", url, got)
		}
		if whole := got.Scheme + got.Head + got.Tail + got.File + got.Query; whole != url {
			t.Errorf("%s: is shown as %s", url, whole)
		}
	}
}

// FuzzPlaceOf: whatever a URL is, it is shown whole.
func FuzzPlaceOf(f *testing.F) {
	for _, s := range []string{"", "://", "a://b", "https://h/?", "https://h#/", "https://h//x//", strings.Repeat("/", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, url string) {
		p := PlaceOf(url)
		if whole := p.Scheme + p.Head + p.Tail + p.File + p.Query; whole != url || len(p.Tail) > maxTail {
			t.Fatalf("%q: %+v", url, p)
		}
	})
}
