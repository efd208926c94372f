package spool_test

import (
	"os"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// FuzzDeny: what may be denied by name is a name for a file, and denies every
// URL of the host that it names, and none other's.
func FuzzDeny(f *testing.F) {
	for _, seed := range []string{"h.example", "*.h.example", "*.*.x", "*.", "H.example", "h.example.", "h:80", "10.0.0.1", "::1", "[::1]", "*.::1", "a/b", "..", "-x", "u@h", "h?", "x~"} {
		f.Add(seed)
	}
	s := storetest.QuickStore(f)
	f.Fuzz(func(t *testing.T, name string) {
		if !queries.IsHostPattern(name) {
			return
		}
		if strings.ContainsAny(name, "/\x00\n") || name == "" {
			t.Fatalf("%q is no name for a file", name)
		}
		if s.Deny(name, fsstore.Operator{Via: "cli", Addr: "test"}) != nil {
			t.Skip() // it is too long for a file's, or an option's
		}
		defer os.Remove(storetest.JobPath(s, fsstore.Denied, name))
		host, any := strings.CutPrefix(name, "*.")
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		for rawURL, want := range map[string]bool{"https://" + host + ":99/x": !any, "https://a." + host + "/x": any, "https://a" + host + "/x": false} {
			u, err := key.Parse(rawURL, key.Auto)
			if err != nil {
				continue
			}
			if got := s.DenialOf(u) == name; got != want {
				t.Fatalf("%q denies %q: %v", name, rawURL, got)
			}
		}
	})
}
