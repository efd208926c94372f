package main

import (
	"os/exec"
	"testing"
)

// inOrder are what git describe may say, from the oldest on, and how each kind of package says it.
var inOrder = []struct{ described, deb, apk, python string }{
	{"v0.0.0-12-g0123456789ab", "0.0.0+12.g0123456789ab", "0.0.0_p12-r0", "0.0.0.post12+g0123456789ab"},
	{"v1.2.3-alpha1", "1.2.3~alpha1", "1.2.3_alpha1-r0", "1.2.3a1"},
	{"v1.2.3-beta.2", "1.2.3~beta2", "1.2.3_beta2-r0", "1.2.3b2"},
	{"v1.2.3-rc1", "1.2.3~rc1", "1.2.3_rc1-r0", "1.2.3rc1"},
	{"v1.2.3-rc1-4-gab0", "1.2.3~rc1+4.gab0", "1.2.3_rc1_p4-r0", "1.2.3rc1.post4+gab0"},
	{"v1.2.3-rc.10", "1.2.3~rc10", "1.2.3_rc10-r0", "1.2.3rc10"},
	{"v1.2.3", "1.2.3", "1.2.3-r0", "1.2.3"},
	{"1.2.3-dirty", "1.2.3+0.dirty", "1.2.3-r0", "1.2.3+dirty"},
	{"v1.2.3-4-gab0", "1.2.3+4.gab0", "1.2.3_p4-r0", "1.2.3.post4+gab0"},
	{"v1.2.3-4-gab0-dirty", "1.2.3+4.gab0.dirty", "1.2.3_p4-r0", "1.2.3.post4+gab0.dirty"},
	{"v1.2.3-10-gab0", "1.2.3+10.gab0", "1.2.3_p10-r0", "1.2.3.post10+gab0"},
	{"v1.2.4", "1.2.4", "1.2.4-r0", "1.2.4"},
	{"v1.10.0", "1.10.0", "1.10.0-r0", "1.10.0"},
}

func TestVersion(t *testing.T) {
	before := ""
	for _, c := range inOrder {
		v, err := parseVersion(c.described)
		if err != nil {
			t.Error(err)
		}
		if v.deb() != c.deb || v.apk() != c.apk || v.python() != c.python {
			t.Errorf("%s is %s, %s, %s", c.described, v.deb(), v.apk(), v.python())
		}
		if before != "" && exec.Command("dpkg", "--compare-versions", before, "lt", v.deb()).Run() != nil {
			t.Errorf("dpkg takes %s for no older than %s", before, v.deb())
		}
		before = v.deb()
	}
	for _, s := range []string{"", "0123abc", "v1.2", "v1.2.3-", "v1.2.3-rc", "v1.2.3-4", "release-5", "v1.2.3\n"} {
		if v, err := parseVersion(s); err == nil {
			t.Errorf("%q is taken for %+v", s, v)
		}
	}
}

// TestPythonOrder asks pip's own library whether our versions are in PEP 440's normal form, and in order.
func TestPythonOrder(t *testing.T) {
	script := "import sys\nfrom pip._vendor.packaging.version import Version\n" +
		"v = sys.argv[1:]\nassert [str(Version(x)) for x in v] == v\n" +
		"for a, b in zip(v, v[1:]): assert Version(a) < Version(b), (a, b)\n"
	args := []string{"-c", script}
	for _, c := range inOrder {
		args = append(args, c.python)
	}
	output(t, nil, pythonBin(t)+"/python", args...)
}
