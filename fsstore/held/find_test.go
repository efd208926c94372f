package held_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// An operator's rule counts at once, and whatever it becomes: what is held stays
// found by the URL that it was fetched for, and by no other that the rules of the
// moment tell from it.
func TestRule(t *testing.T) {
	s := storetest.TestStore(t)
	rule := func(lines string) {
		storetest.Run(t, s.Dir(), "printf '"+lines+"' > queries/developer.download.nvidia.com")
	}
	storetest.Expect(t, s, "nothing held", map[string]string{"": "", "?t=1": ""})
	rule("drop t\\n")
	storetest.HoldAs(t, s, storetest.CudaURL+"?t=1"+storetest.Signed, "one")
	storetest.Expect(t, s, "dropped", map[string]string{"": "one", "?t=1": "one", "?t=2": "one", "?t=2" + storetest.Signed: "one", "?h=1": "", "?h=1&t=1": ""})
	rule("")
	storetest.Expect(t, s, "no rule", map[string]string{"": "", "?t=1": "one", "?t=1" + storetest.Signed: "one", "?t=2": "", "?h=1": ""})
	storetest.HoldAs(t, s, storetest.CudaURL, "bare")
	storetest.Expect(t, s, "its key taken", map[string]string{"": "bare", "?t=1": "one", "?t=2": ""})
	storetest.HoldAs(t, s, storetest.CudaURL+"?h=1&t=1&v=3", "three")
	rule("drop all\\n")
	storetest.HoldAs(t, s, storetest.CudaURL+"?x=1&y=2", "all")
	storetest.Expect(t, s, "all dropped", map[string]string{"": "all", "?t=1": "all", "?h=1&t=1&v=3": "all", "?z": "all"})
	rule("drop h\\ndrop v # and no other\\n")
	storetest.HoldAs(t, s, storetest.CudaURL+"?h=2&k=1&v=4", "two")
	storetest.Expect(t, s, "two dropped", map[string]string{"?h=9&k=1": "two", "?k=1": "two", "?k=2": "", "?x=1&y=2": "all", "?t=1": "one"})
	os.Remove(storetest.Path(s, "queries", "developer.download.nvidia.com"))
	storetest.Expect(t, s, "the rule is gone", map[string]string{"?h=2&k=1&v=4": "two", "?h=9&k=1&v=4": "", "?k=1": "", "?h=1&t=1&v=3": "three", "?x=1&y=2": "all", "?x=1": ""})
	storetest.HoldAs(t, s, storetest.CudaURL+"?k=1", "k")
	storetest.Expect(t, s, "its key taken again", map[string]string{"?h=2&k=1&v=4": "two", "?k=1": "k"})
	storetest.Run(t, s.Dir(), "echo 'drop k' > 'queries/*.nvidia.com'; echo 'drop t' > 'queries/*.com'; echo 'drop l' > queries/nvidia.com")
	storetest.Expect(t, s, "of the domain", map[string]string{"?k=7": storetest.Served(t, s, storetest.CudaURL), "?k=7&t=5": storetest.Served(t, s, storetest.CudaURL), "?l=1": ""})
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 {
		t.Errorf("fsck: %+v", found)
	}
}

// A 304 under another rule keeps what the bytes were fetched for.
func TestRuleOfWhatIsUnchanged(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.HoldAs(t, s, storetest.CudaURL+"?t=1", "one")
	storetest.Run(t, s.Dir(), "echo 'drop t' > queries/developer.download.nvidia.com")
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL+"?t=1"))
	if a := c.Previous(); a == nil || !a.AskedFor(c.URL) || a.AskedFor(storetest.CudaURL) {
		t.Fatalf("%+v", a)
	}
	if err := c.Unchanged(); err != nil {
		t.Fatal(err)
	}
	if n := len(storetest.Ls(t, s, "meta")); n != 1 {
		t.Errorf("%d metas", n)
	}
	storetest.Expect(t, s, "unchanged", map[string]string{"": "one", "?t=2": "one"})
	storetest.Sound(t, s)
	storetest.Run(t, s.Dir(), "rm queries/*")
	storetest.Expect(t, s, "no rule", map[string]string{"": "", "?t=2": "", "?t=1": "one"})
	storetest.Sound(t, s)
}

// To keep what would be a signature tells apart what was one.
// What is redacted in a meta hides no artifact from its own URL when a rule
// changes another parameter, and shows it to no other URL.
func TestRuleBesideASecret(t *testing.T) {
	s := storetest.TestStore(t)
	rule := func(lines string) {
		storetest.Run(t, s.Dir(), "printf '"+lines+"' > queries/developer.download.nvidia.com")
	}
	storetest.HoldAs(t, s, storetest.CudaURL+"?token=abc&job=1"+storetest.Signed, "one")
	storetest.HoldAs(t, s, storetest.CudaURL+"?h=v5&job=1", "two")
	storetest.Run(t, s.Dir(), "rm done/*")
	own := map[string]string{"?token=abc&job=1": "one", "?token=abc&job=1" + storetest.Signed: "one", "?h=v5&job=1": "two", "?token=abd&job=1": "", "?h=v6&job=1": ""}
	for _, lines := range []string{"drop job\\n", "drop all\\nkeep h\\nkeep token\\n", "keep job\\n", ""} {
		rule(lines)
		storetest.Expect(t, s, lines, own)
	}
	rule("keep sig\\n")
	storetest.Expect(t, s, "another signature is another artifact", map[string]string{"?token=abc&job=1": "", "?token=abc&job=1&sig=b&se=2026-11-28&sp=r": "", "?h=v5&job=1": "two"})
}

func TestRuleKeepsASignature(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.HoldAs(t, s, storetest.CudaURL+"?v=1"+storetest.Signed, "before")
	storetest.Expect(t, s, "a signature", map[string]string{"?v=1": "before", "?v=1&sig=b&se=2027-11-28&sp=r": "before"})
	storetest.Run(t, s.Dir(), "echo 'keep sig' > queries/developer.download.nvidia.com")
	storetest.Expect(t, s, "kept", map[string]string{"?v=1": "", "?v=1&sig=b&se=2027-11-28&sp=r": ""})
	storetest.HoldAs(t, s, storetest.CudaURL+"?v=1"+storetest.Signed, "a")
	storetest.Expect(t, s, "kept, and held", map[string]string{"?v=1": "", "?v=1&sig=b&se=2027-11-28&sp=r": "", "?v=1&sig=a&se=2028-11-28&sp=r": "a", "?v=1&sig=a": "a"})
	storetest.Run(t, s.Dir(), "rm queries/*")
	storetest.Expect(t, s, "no rule", map[string]string{"?v=1": "before", "?v=1" + storetest.Signed: "before"})
}

// What can't be read or understood keeps the parameter, and is told.
func TestRuleThatSaysNothing(t *testing.T) {
	s := storetest.TestStore(t)
	const name = "queries/developer.download.nvidia.com"
	for script, what := range map[string]string{
		"echo 'Drop t' > " + name:                                "line 1 is ignored",
		"echo 'drop t=' > " + name:                               "line 1 is ignored",
		"(yes '#' | head -c 70000; echo; echo drop t) > " + name: "can't be read",
		"mkdir " + name:                                          "not a regular file",
		"ln -s ../README " + name:                                "not a regular file",
		"echo 'drop t' > queries/HOST.COM":                       "neither a host nor",
		"echo 'drop t' > queries/h:80":                           "neither a host nor",
		"echo 'drop t' > queries/.hidden":                        "",
	} {
		storetest.Run(t, s.Dir(), script)
		if u, err := s.Parse(storetest.CudaURL + "?t=1"); err != nil || u.QueryDropped() {
			t.Errorf("%s: %s, %v", script, u, err)
		}
		found := storetest.Fsck(t, s, fsstore.FsckOptions{})
		if what == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].Text, what) {
			t.Errorf("%s: %+v", script, found)
		}
		storetest.Beat(s)
		if h := s.Health(); !strings.Contains(what, "regular") && (len(h) != 1 || !strings.Contains(h[0].What, "queries/")) {
			t.Errorf("%s: %+v", script, h)
		}
		storetest.Run(t, s.Dir(), "rm -r queries; mkdir queries")
		storetest.Beat(s)
		if h := s.Health(); len(h) != 0 {
			t.Errorf("%s: mended, and still %+v", script, h)
		}
	}
}

// An earlier server dropped the query where the path named a file. What it holds
// is served to the URL that brought it, and to what is one with that; never to
// another that it had under the same name.
func TestWhatAnEarlierServerHolds(t *testing.T) {
	const base = "https://vendor.example/f.run"
	for _, c := range []struct {
		fetched string // by the old rule
		rule    string
		hit     []string
		miss    []string
	}{
		{"", "", []string{"", "?sig=b&se=2027-01-01&sp=r"}, []string{"?h=1", "?t=1"}},
		{"?sha=v1", "", []string{"?sha=v1"}, []string{"", "?sha=v2", "?t=1", "?sha=v1&t=1"}},
		{"?h=v1", "", nil, []string{"", "?h=v1", "?h=v2"}}, // its value is redacted in meta: nobody can say
		{"?h=v1", "drop h", []string{"", "?h=v1", "?h=v2"}, []string{"?t=1", "?h=1&t=1"}},
		{"?version=2&job=a", "", []string{"?version=2&job=a"}, []string{"?version=2", "", "?version=2&job=b"}},
		{"?version=2", "", []string{"?version=2"}, []string{"", "?version=1"}},
		{"?sig=b&se=2027-01-01&sp=r&sv=2020-01-01", "", []string{"", "?sig=c&se=2028-01-01&sp=r"}, []string{"?h=1"}},
		{"?sig=b&se=2027-01-01&sp=r&h=1", "", nil, []string{"", "?h=1"}},
		{"?sig=b&se=2027-01-01&sp=r&version=1", "", []string{"?version=1", "?version=1&sig=c&se=2028-01-01&sp=r"}, []string{"", "?version=2"}},
		{"?token=abc", "", nil, []string{"", "?token=abc", "?token=abd"}},
		{"?token=abc", "drop token", []string{"", "?token=abc", "?token=abd"}, nil},
		{"?hdnea=exp=1700000000~acl=/*~hmac=0a", "", nil, []string{""}},
	} {
		s := storetest.TestStore(t)
		storetest.AsOld(t, s, base+c.fetched)
		if c.rule != "" {
			storetest.Run(t, s.Dir(), "echo '"+c.rule+"' > queries/vendor.example")
		}
		for _, q := range c.hit {
			if storetest.Served(t, s, base+q) != "bytes" {
				t.Errorf("fetched as %q, %q: %q is a miss", c.fetched, c.rule, q)
			}
		}
		for _, q := range c.miss {
			if storetest.Served(t, s, base+q) != "" {
				t.Errorf("fetched as %q, %q: %q is a hit", c.fetched, c.rule, q)
			}
		}
		if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 {
			t.Errorf("fsck: %+v", found)
		}
	}
}

// What an earlier server's put carried in for a URL with a query is of that URL,
// as its job says, though its meta has it without.
func TestWhatAnEarlierServerCarriedIn(t *testing.T) {
	const base = "https://vendor.example/f.run"
	for query, miss := range map[string]string{"?h=v1": "", "?token=abc&job=1": "?token=abd&job=1", "": "?h=v1"} {
		s := storetest.TestStore(t)
		a := storetest.AsOld(t, s, base+query)
		m := a.Meta
		m.FinalURL, m.Approved = "", &fsstore.Approval{Via: "put", Addr: "root", Time: m.Fetched}
		if err := s.WriteMeta(a.Key, &m); err != nil {
			t.Fatal(err)
		}
		storetest.Write(t, s, fsstore.Done, a.Key+".job", base+query+"\n2026-11-28T22:16:18Z approve put root\n2026-11-28T22:16:18Z done 5 "+m.SHA256+"\n")
		for q, want := range map[string]string{query: "bytes", miss: ""} {
			if got := storetest.Served(t, s, base+q); got != want {
				t.Errorf("carried in as %q: %q is served %q", query, q, got)
			}
		}
		if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 {
			t.Errorf("fsck: %+v", found)
		}
	}
}

// Fetched again it has the name of today, and no other that would come back
// after an evict.
func TestWhatAnEarlierServerHoldsIsFetchedAgain(t *testing.T) {
	s := storetest.TestStore(t)
	old := storetest.AsOld(t, s, storetest.CudaURL)
	s.Hit(old.Key)
	s.FlushHits()
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if held := c.Previous(); held == nil || held.Key != old.Key {
		t.Fatalf("%+v is held", held)
	}
	a := storetest.Publish(t, c, "newer")
	if a.Key != storetest.KeyOf(t, storetest.CudaURL) || len(a.History) != 1 || a.History[0].SHA256 != old.SHA256 {
		t.Errorf("%+v", a)
	}
	if n := s.Hits(a.Key); n != 1 {
		t.Errorf("%d hits", n)
	}
	if _, f, err := s.OpenVersion(storetest.CudaURL, old.SHA256); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli"}); err != nil {
		t.Error(err)
	}
	storetest.Expect(t, s, "evicted", map[string]string{"": ""})
	if found := storetest.Fsck(t, s, fsstore.FsckOptions{}); len(found) != 0 {
		t.Errorf("fsck: %+v", found)
	}
}

// What an earlier server noted, queued, denied, and had in its hands goes on.
func TestWhatAnEarlierServerLeaves(t *testing.T) {
	rename := func(t *testing.T, s *fsstore.Store, dir string) (old string) {
		k := storetest.KeyOf(t, storetest.CudaURL)
		old = key.OldName(k)
		storetest.Run(t, s.Dir(), "cd "+dir+"; for f in *; do mv \"$f\" \"$(echo \"$f\" | sed s/"+k+"/"+old+"/)\"; done")
		return old
	}
	t.Run("misses", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		old := rename(t, s, "misses")
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.8"); v != fsstore.VerdictNoted || !strings.Contains(storetest.Text(t, s, fsstore.Misses, old), "10.0.0.8") {
			t.Errorf("%s: %s", v, storetest.Text(t, s, fsstore.Misses, old))
		}
		if n, _ := s.Count(fsstore.Misses); n != 1 {
			t.Errorf("%d misses", n)
		}
		storetest.NoteMiss(t, s, storetest.CudaURL+"?h=1", storetest.Client1)
		if n, _ := s.Count(fsstore.Misses); n != 2 {
			t.Errorf("%d misses: another URL has none of its own", n)
		}
		name, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, fsstore.Operator{Via: "cli"})
		if err != nil {
			t.Fatal(err)
		}
		c := storetest.MustClaim(t, s, name)
		if a := storetest.Publish(t, c, "bytes"); a.Misses != 2 || a.Key != storetest.KeyOf(t, storetest.CudaURL) {
			t.Errorf("%+v", a)
		}
	})
	t.Run("queue", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Add(t, s, storetest.CudaURL)
		old := rename(t, s, "queue")
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictQueued {
			t.Error(v)
		}
		if name := storetest.Add(t, s, storetest.CudaURL); name != old+".job" {
			t.Errorf("queued beside it as %s", name)
		}
		storetest.Publish(t, storetest.MustClaim(t, s, old+".job"), "bytes")
		storetest.Expect(t, s, "fetched", map[string]string{"": "bytes"})
	})
	t.Run("denied", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Run(t, s.Dir(), "mv misses/* denied/")
		rename(t, s, "denied")
		for _, q := range []string{"", "?t=1", "?h=2&sha=3"} { // all were one then
			if v := storetest.NoteMiss(t, s, storetest.CudaURL+q, storetest.Client1); v != fsstore.VerdictDenied {
				t.Error(q, v)
			}
		}
		if v := storetest.NoteMiss(t, s, storetest.CudaURL+"?version=1", storetest.Client1); v != fsstore.VerdictNoted {
			t.Error(v)
		}
	})
	t.Run("active", func(t *testing.T) {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		old := rename(t, s, "active")
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictActive {
			t.Error(v)
		}
		storetest.Must(t, storetest.Unclaim(storetest.JobPath(s, fsstore.Active, tree.ActiveJobName(old, c.Worker))))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
		storetest.Expect(t, s, "recovered", map[string]string{"": "bytes"})
	})
	t.Run("the blob", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.AsOld(t, s, storetest.CudaURL)
		storetest.Run(t, s.Dir(), "rm -f blobs/*")
		storetest.RetryLost(t, s)
		storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
		storetest.Expect(t, s, "restored", map[string]string{"": "bytes"})
		storetest.Sound(t, s)
	})
}

// Two URLs that differ in what no rule drops never share bytes, whatever the
// rules become between: each URL is fetched as itself, under one rule after the
// other, and what is served must be what some URL brought that is the same by the
// rule of the moment.
func TestRulesAtRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 10))
	rules := []string{"", "drop a", "drop b", "drop a\ndrop b", "drop all", "drop all\nkeep c", "keep sig", "drop c\nkeep a", "keep all"}
	queries := []string{"", "?a=1", "?a=2", "?b=1", "?a=1&b=1", "?a=1&b=2&c=1", "?c=1", "?c=2&a=1", "?sig=x&se=2026-01-01&sp=r", "?a=1&sig=y&se=2027-01-01&sp=r"}
	for round := range 6 {
		s := storetest.TestStore(t)
		for step := range 40 {
			rule := rules[rnd.IntN(len(rules))]
			if err := os.WriteFile(storetest.Path(s, "queries", "developer.download.nvidia.com"), []byte(rule), 0o660); err != nil {
				t.Fatal(err)
			}
			own, _ := key.ParseHostRules(rule)
			q := queries[rnd.IntN(len(queries))]
			storetest.HoldAs(t, s, storetest.CudaURL+q, fmt.Sprint(q, "|", step))
			for _, q := range queries {
				got := storetest.Served(t, s, storetest.CudaURL+q)
				if got == "" {
					continue
				}
				brought, _, _ := strings.Cut(got, "|")
				u, _ := key.ParseWith(storetest.CudaURL+q, own)
				v, _ := key.ParseWith(storetest.CudaURL+brought, own)
				if u.String() != v.String() {
					t.Fatalf("round %d, step %d, %q: asked for %q, served what %q brought", round, step, rule, q, brought)
				}
			}
		}
		if found := storetest.Fsck(t, s, fsstore.FsckOptions{Quick: true}); len(found) != 0 {
			t.Fatalf("fsck: %+v", found)
		}
	}
}

// TestDeniedByRule: what a redirect leads to is known by the rules of its host, too.
func TestDeniedByRule(t *testing.T) {
	s := storetest.TestStore(t)
	u := storetest.CudaURL + "?k=1"
	storetest.Run(t, s.Dir(), "echo 'drop k' > queries/developer.download.nvidia.com")
	storetest.NoteMiss(t, s, u, storetest.Client1)
	if err := s.Deny(storetest.KeyIn(t, s, u), fsstore.Operator{Via: "cli"}); err != nil {
		t.Fatal(err)
	}
	if s.DeniedBy(storetest.CudaURL+"?k=2") == "" || s.DeniedBy(storetest.CudaURL+"?l=2") != "" || s.DeniedBy("no URL") != "" {
		t.Errorf("%q, %q", s.DeniedBy(storetest.CudaURL+"?k=2"), s.DeniedBy(storetest.CudaURL+"?l=2"))
	}
}

// Someone who knows a key can make a meta of that name for another URL.
func TestAForgedKeyIsAMiss(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	other := "https://example.com/other.run"
	storetest.Run(t, s.Dir(), "cp meta/"+a.Key+".json meta/"+storetest.KeyOf(t, other)+".json")
	if _, err := s.Lookup(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("served under another URL: %v", err)
	}
	storetest.Run(t, s.Dir(), "chmod 644 blobs/*; printf byte > blobs/"+a.SHA256)
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a truncated blob is served: %v", err)
	}
}
