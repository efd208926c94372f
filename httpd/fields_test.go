package httpd

import "testing"

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
