package call

import (
	"strings"
	"testing"

	"fromcache/shim/options"
)

// FuzzWriteOut holds that a format that is called neutral has none but neutral variables.
func FuzzWriteOut(f *testing.F) {
	f.Add("%{time_total} %{http_code}\\n %% 100%")
	f.Fuzz(func(t *testing.T, s string) {
		reason, code := judgeWriteOut(s)
		for _, v := range []string{"%{url", "%{remote", "%{header", "%{redirect", "%header{", "%output{", "%{json", "%{scheme"} {
			if reason == "" && strings.Contains(strings.ReplaceAll(s, "%%", ""), v) {
				t.Errorf("%q has %s", s, v)
			}
		}
		if code && !strings.Contains(s, "_code}") {
			t.Errorf("%q", s)
		}
	})
}

// FuzzProto holds that a list of schemes is read to its end.
func FuzzProto(f *testing.F) {
	f.Add("=https,+http,-ftp,all")
	f.Fuzz(func(t *testing.T, list string) {
		for _, s := range []string{"http", "https"} {
			allowed, ok := protoAllows(list+",="+s, s)
			if ok && !allowed {
				t.Errorf("%q does not allow %s", list, s)
			}
		}
	})
}

// FuzzAbbreviations holds that a name that is found is the name's own option or the one it begins.
func FuzzAbbreviations(f *testing.F) {
	f.Add("no-check-c")
	f.Add("output-d")
	f.Fuzz(func(t *testing.T, name string) {
		for _, find := range []func(string) (*options.Option, bool){findCurl, findWget} {
			o, no := find(name)
			if o == nil {
				continue
			}
			full := o.Name
			if no {
				full = "no-" + full
			}
			if !strings.HasPrefix(full, strings.ToLower(name)) {
				t.Errorf("%q found %s", name, full)
			}
		}
	})
}
