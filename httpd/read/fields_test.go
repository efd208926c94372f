package read

import (
	"mime"
	"net/http"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// TestDisposition: what an origin calls the file is passed on as it is, unless
// some client could read more than a name in it.
func TestDisposition(t *testing.T) {
	const same = "\x00"
	for v, want := range map[string]string{
		"":           "",
		"attachment": same, "inline": same, "Attachment": same,
		`attachment; filename="cuda.run"`:                                           same,
		`attachment; filename=cuda.run`:                                             same,
		`inline; filename*=UTF-8''model.safetensors; filename="model.safetensors";`: same,
		`attachment; filename*=UTF-8''%C3%BC.run`:                                   same,
		`attachment; filename="../../etc/passwd"`:                                   "attachment",
		`attachment; filename="ok"; filename*=UTF-8''%2e%2e%2fx`:                    "attachment",
		`attachment; filename="../x"; filename*=UTF-8''ok`:                          "attachment",
		`attachment; filename=".bashrc"; filename*=UTF-8''ok`:                       "attachment",
		`attachment; filename=.bashrc`:                                              "attachment",
		`attachment; filename*=iso-8859-1''..%2Fx`:                                  "attachment",
		`attachment; filename*=iso-8859-1''%2Ebashrc`:                               "attachment",
		`attachment; filename*=iso-8859-1''%FC.run`:                                 "attachment", // is not read here
		`attachment; filename*=UTF-7''+AC8-x`:                                       "attachment",
		`attachment; filename*=utf-16''%00%2E%00%2E`:                                "attachment",
		`attachment; filename*=utf-8''%zz`:                                          "attachment",
		`attachment; filename*=utf-8''%ff%fe`:                                       "attachment",
		`attachment; filename*=utf-8''`:                                             "attachment",
		`attachment; filename*=x`:                                                   "attachment",
		`attachment; filename="ok"; filename*=koi8-r''%C1.run`:                      "attachment",
		`attachment; filename*0="."; filename*1=".bashrc"`:                          "attachment",
		`attachment; FileName*0*=utf-8''a; filename*1*=%2e`:                         "attachment",
		`attachment; filename*=utf-8'de'%C3%BC.run`:                                 same,
		`attachment; filename="C:\x.exe"`:                                           "attachment",
		`attachment; filename="ü.run"`:                                              "attachment",
		`attachment; filename=a b.run`:                                              "attachment",
		"attachment; filename=\"a\r\nX: y\"":                                        "attachment",
		`inline; filename="/x"`:                                                     "",
		`form-data; name="x"`:                                                       "",
		`filename="x"`:                                                              "",
	} {
		if want == same {
			want = v
		}
		if got := safeDisposition(v); got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
}

// TestPDF: a reader in the browser is not let at it, and its name stays.
func TestPDF(t *testing.T) {
	for _, c := range []struct{ kind, says, want string }{
		{"application/pdf", "", "attachment"},
		{"application/PDF; x=y", "inline", "attachment"},
		{"application/x-pdf", `inline; filename="a.pdf"`, `attachment; filename="a.pdf"`},
		{"application/pdf", `Attachment; filename="a.pdf"`, `Attachment; filename="a.pdf"`},
		{"application/pdf", `inline; filename="../a.pdf"`, "attachment"},
		{"text/plain", `inline; filename="a.pdf"`, `inline; filename="a.pdf"`},
		{"application/octet-stream", "", ""},
	} {
		held := &fsstore.Artifact{Meta: fsstore.Meta{Header: map[string]string{"Content-Type": c.kind, "Content-Disposition": c.says}}}
		if got := artifactReply(held).fields.Get("Content-Disposition"); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.kind, c.says, got, c.want)
		}
	}
}

// FuzzFields: whatever an origin said, no field that we pass on can end its
// line, and no name can leave the directory that a client saves to.
func FuzzFields(f *testing.F) {
	f.Add("text/plain", `attachment; filename="a.run"`, "Tue, 03 Nov 2026 10:00:00 GMT", "gzip")
	f.Add("text/html\r\nX: y", `attachment; filename*=UTF-8''..%2f..%2fx`, "yesterday", "\x00")
	f.Add("text/plain; x=\"ü\"", "attachment; filename=\"ü\tx.run\"", "", "é")
	f.Add("multipart/byteranges", `inline; filename="C:\\x"`, "", "br, gzip")
	f.Fuzz(func(t *testing.T, ctype, disposition, modified, encoding string) {
		h := http.Header{}
		artifactReply(&fsstore.Artifact{Meta: fsstore.Meta{SHA256: strings.Repeat("0", 64), Header: map[string]string{
			"Content-Type": ctype, "Content-Disposition": disposition, "Last-Modified": modified, "Content-Encoding": encoding,
		}}}).put(h)
		for k, vs := range h {
			for _, c := range []byte(strings.Join(vs, "")) {
				if c < 0x20 || c > 0x7e {
					t.Errorf("%s: %q", k, vs)
				}
			}
		}
		if v := h.Get("Content-Disposition"); v != "" {
			_, params, err := mime.ParseMediaType(v)
			if err != nil || strings.ContainsAny(params["filename"], "/\\") {
				t.Errorf("Content-Disposition: %q", v)
			}
		}
		if h.Get("Content-Type") == "" {
			t.Error("no Content-Type: net/http would guess")
		}
	})
}
