package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// A version is what git describe says of a commit.
type version struct {
	release string // 1.2.3
	stage   string // alpha, beta or rc; "" of a release
	nth     string // which of that stage: 1
	commits string // how many there are since the tag; "" at the tag itself
	local   string // g and the commit, and .dirty if files were changed
}

var described = regexp.MustCompile(
	`^v?(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.?(\d+))?(?:-(\d+)-(g[0-9a-f]+))?(-dirty)?$`)

// parseVersion reads what git describe says where tags are v1.2.3 or v1.2.3-rc1.
func parseVersion(s string) (version, error) {
	m := described.FindStringSubmatch(s)
	if m == nil {
		return version{}, fmt.Errorf(
			"version %q: name it as in v1.2.3, v1.2.3-rc1 or, after git describe, v1.2.3-4-g0123abc", s)
	}
	v := version{release: m[1], stage: m[2], nth: m[3], commits: m[4], local: m[5]}
	if m[6] != "" {
		v.local = strings.TrimPrefix(v.local+".dirty", ".")
	}
	return v, nil
}

// deb returns the version for dpkg and rpm, which read a tilde as "before" and sort a longer
// version after a shorter one: 1.2.3~rc1, 1.2.3, 1.2.3+4.g0123abc, 1.2.4.
func (v version) deb() string {
	s := v.release
	if v.stage != "" {
		s += "~" + v.stage + v.nth
	}
	if v.local != "" {
		s += "+" + cmp.Or(v.commits, "0") + "." + v.local
	}
	return s
}

// apk returns the version for apk, which has no place for a commit's name: 1.2.3_rc1, 1.2.3,
// 1.2.3_p4.
func (v version) apk() string {
	s := v.release
	if v.stage != "" {
		s += "_" + v.stage + v.nth
	}
	if v.commits != "" {
		s += "_p" + v.commits
	}
	return s + "-r0"
}

// python returns the version for pip, in PEP 440's normal form: 1.2.3rc1, 1.2.3,
// 1.2.3.post4+g0123abc.
func (v version) python() string {
	s := v.release
	if v.stage != "" {
		s += map[string]string{"alpha": "a", "beta": "b", "rc": "rc"}[v.stage] + v.nth
	}
	if v.commits != "" {
		s += ".post" + v.commits
	}
	if v.local != "" {
		s += "+" + v.local
	}
	return s
}
