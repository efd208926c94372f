package plan

import (
	"strings"
	"testing"

	"fromcache/shim/call"
)

func TestNamesFile(t *testing.T) {
	for name, want := range map[string]bool{
		"a.run": true, "a.tar.gz": true, "A.RPM": true, "a.7z": true, "a.sh": true, ".bashrc": true, "a.mp4": true, "a.php.gz": true,
		"": false, "a": false, "a.": false, "v1.2": false, "1.2.3": false, "a.2rc1": false, "a.amd64_x": false, "a.run;x": false, "a.%72un": false,
		"a.averylongone": false, "get.php": false, "get.PHP5": false, "x.fcgi": false, "x.cgi": false, "x.asp": false, "x.aspx": false, "x.jsp": false,
		"x.do": false, "index.html": false, "index.htm": false,
	} {
		if namesFile(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestPlanTimestamping holds that wget -N is asked about only where it has no file of the name yet.
func TestPlanTimestamping(t *testing.T) {
	const held = "https://ex.test/held/"
	for _, c := range []struct {
		asked      int
		line, file string
		real       string
	}{
		{1, "wget -N " + held + "f.run", "", ""},
		{0, "wget -N " + held + "f.run", "f.run", ""},
		{1, "wget -N " + held + "f.run", "g.run", ""},
		{1, "wget -NP d " + held + "f.run", "f.run", ""},
		{0, "wget -NP d " + held + "f.run", "d/f.run", ""},
		{0, "wget -NP d/ " + held + "f.run", "d/f.run", ""},
		{0, "wget -NP / " + held + "f.run", "/f.run", ""},
		{0, "wget -NP ~ " + held + "f.run", "", ""},
		{0, "wget -N " + held, "", ""},
		{0, "wget -N " + held + "a%20b", "", ""},
		{1, "wget -N " + held + "f.run?x=1", "f.run", ""},
		{0, "wget -N " + held + "f.run?x=1", "f.run?x=1", ""},
		{0, "wget -N " + held + "f.run?x=a/b", "", ""},
		{0, "wget -N --restrict-file-names=lowercase " + held + "F.run", "", ""},
		{2, "wget -N " + held + "f.run " + held + "g.run", "", ""},
		{1, "wget -N " + held + "f.run " + held + "g.run", "f.run", ""},
		{1, "wget -N " + held + "f.run " + held + "sub/f.run", "", ""},
		{1, "wget -N -O x " + held + "f.run", "f.run", ""},
		{0, "wget -qN " + held + "f.run", "", "wget2"},
		{0, "wget -qN -O x " + held + "f.run", "", "busybox"},
		{0, "wget -q --content-disposition -O x " + held + "f.run", "", "wget2"},
	} {
		b := &machine{files: map[string]string{c.file: "x"}, reply: Reply{Status: 200}, real: c.real}
		b.plan(strings.Fields(c.line)...)
		if len(b.asked) != c.asked {
			t.Errorf("%s with %q: asked about %q", c.line, c.file, b.asked)
		}
	}
	b := &machine{files: map[string]string{"d/f.run": "x", "/etc/wgetrc": "timestamping = on\ndir_prefix = d\n"}, reply: Reply{Status: 200}}
	if b.plan("wget", held+"f.run"); len(b.asked) != 0 {
		t.Error("the directory of a wgetrc")
	}
	if b.plan("wget", "-P.", held+"f.run"); len(b.asked) != 1 {
		t.Error("the command line comes before a wgetrc")
	}
}

// TestPlanKeepsNames holds that the name at the end of the cache's URL is the one that the tool
// makes a file's name of.
func TestPlanKeepsNames(t *testing.T) {
	for line, want := range map[string]string{
		"curl -O https://ex.test/held/f.run?v=1&w=a/b":              "f.run?v=1&w=a/b",
		"curl -sO https://ex.test/held/f.run#part":                  "f.run#part",
		"curl --remote-name-all https://ex.test/held/f.run?v#p?":    "f.run?v#p?",
		"curl -o x https://ex.test/held/f.run?v=1":                  "f.run",
		"curl https://ex.test/held/f.run?v=1 -o x -O":               "f.run",
		"wget https://ex.test/held/f.run?v=1#part":                  "f.run?v=1",
		"wget -O x https://ex.test/held/f.run?v=1":                  "f.run",
		"curl --url=https://ex.test/held/f.run?v=1 -O":              "f.run?v=1",
		"curl -O ex.test/held/a%20b.run?v=100%":                     "a%20b.run?v=100%",
		"wget --content-disposition -O x https://ex.test/held/z?v=": "z",
	} {
		d := new(machine)
		d.reply.Status = 200
		got := strings.Join(d.plan(strings.Fields(line)...).Args, " ")
		_, after, ok := strings.Cut(got, theCache+"/b/")
		_, after, _ = strings.Cut(after, "/")
		if after, _, _ = strings.Cut(after, " "); !ok || after != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestPlanWhereWgetSaves holds which file it is that wget -c goes on with.
func TestPlanWhereWgetSaves(t *testing.T) {
	const url = "https://ex.test/held/f.run"
	for _, c := range []struct{ line, rc, want string }{
		{"wget -c " + url, "", "f.run"},
		{"wget -c -P / " + url, "", "/f.run"},
		{"wget -c -P d/ " + url, "", "d/f.run"},
		{"wget -c -P e " + url, "dir_prefix = d\n", "e/f.run"},
		{"wget -c -O x " + url, "output_document = y\n", "x"},
	} {
		b := &machine{files: map[string]string{"/etc/wgetrc": c.rc, c.want: "begun"}, reply: Reply{Status: 200, Ranges: true}}
		d := b.plan(strings.Fields(c.line)...)
		if len(b.inputs) != 1 || b.inputs[0].Resumes != c.want {
			t.Errorf("%s, %q: %+v, want %s\n%s", c.line, c.rc, b.inputs, c.want, d.Line(call.Wget))
		}
	}
}
