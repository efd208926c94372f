package fsstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore/key"
)

const signed = "&sig=a&se=2026-11-28&sp=r"

// served is the content that is served for a URL, "" where it is a miss.
func served(t *testing.T, s *Store, rawURL string) string {
	t.Helper()
	_, f, err := s.Open(rawURL)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(rawURL, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func holdAs(t *testing.T, s *Store, rawURL, body string) *Artifact {
	t.Helper()
	return holdWith(t, s, rawURL, body, Origin{FinalURL: rawURL})
}

func expect(t *testing.T, s *Store, when string, want map[string]string) {
	t.Helper()
	for query, body := range want {
		if got := served(t, s, cudaURL+query); got != body {
			t.Errorf("%s: asked for %q, served %q, want %q", when, query, got, body)
		}
	}
}

// An operator's rule counts at once, and whatever it becomes: what is held stays
// found by the URL that it was fetched for, and by no other that the rules of the
// moment tell from it.
func TestRule(t *testing.T) {
	s := testStore(t)
	rule := func(lines string) { run(t, s.dir, "printf '"+lines+"' > queries/developer.download.nvidia.com") }
	expect(t, s, "nothing held", map[string]string{"": "", "?t=1": ""})
	rule("drop t\\n")
	holdAs(t, s, cudaURL+"?t=1"+signed, "one")
	expect(t, s, "dropped", map[string]string{"": "one", "?t=1": "one", "?t=2": "one", "?t=2" + signed: "one", "?h=1": "", "?h=1&t=1": ""})
	rule("")
	expect(t, s, "no rule", map[string]string{"": "", "?t=1": "one", "?t=1" + signed: "one", "?t=2": "", "?h=1": ""})
	holdAs(t, s, cudaURL, "bare")
	expect(t, s, "its key taken", map[string]string{"": "bare", "?t=1": "one", "?t=2": ""})
	holdAs(t, s, cudaURL+"?h=1&t=1&v=3", "three")
	rule("drop all\\n")
	holdAs(t, s, cudaURL+"?x=1&y=2", "all")
	expect(t, s, "all dropped", map[string]string{"": "all", "?t=1": "all", "?h=1&t=1&v=3": "all", "?z": "all"})
	rule("drop h\\ndrop v # and no other\\n")
	holdAs(t, s, cudaURL+"?h=2&k=1&v=4", "two")
	expect(t, s, "two dropped", map[string]string{"?h=9&k=1": "two", "?k=1": "two", "?k=2": "", "?x=1&y=2": "all", "?t=1": "one"})
	os.Remove(s.path("queries", "developer.download.nvidia.com"))
	expect(t, s, "the rule is gone", map[string]string{"?h=2&k=1&v=4": "two", "?h=9&k=1&v=4": "", "?k=1": "", "?h=1&t=1&v=3": "three", "?x=1&y=2": "all", "?x=1": ""})
	holdAs(t, s, cudaURL+"?k=1", "k")
	expect(t, s, "its key taken again", map[string]string{"?h=2&k=1&v=4": "two", "?k=1": "k"})
	run(t, s.dir, "echo 'drop k' > 'queries/*.nvidia.com'; echo 'drop t' > 'queries/*.com'; echo 'drop l' > queries/nvidia.com")
	expect(t, s, "of the domain", map[string]string{"?k=7": served(t, s, cudaURL), "?k=7&t=5": served(t, s, cudaURL), "?l=1": ""})
	if found := fsck(t, s, FsckOptions{}); len(found) != 0 {
		t.Errorf("fsck: %+v", found)
	}
}

// A 304 under another rule keeps what the bytes were fetched for.
func TestRuleOfWhatIsUnchanged(t *testing.T) {
	s := testStore(t)
	holdAs(t, s, cudaURL+"?t=1", "one")
	run(t, s.dir, "echo 'drop t' > queries/developer.download.nvidia.com")
	c := mustClaim(t, s, add(t, s, cudaURL+"?t=1"))
	if a := c.Previous(); a == nil || !a.AskedFor(c.URL) || a.AskedFor(cudaURL) {
		t.Fatalf("%+v", a)
	}
	if err := c.Unchanged(); err != nil {
		t.Fatal(err)
	}
	if n := len(ls(t, s, "meta")); n != 1 {
		t.Errorf("%d metas", n)
	}
	expect(t, s, "unchanged", map[string]string{"": "one", "?t=2": "one"})
	sound(t, s)
	run(t, s.dir, "rm queries/*")
	expect(t, s, "no rule", map[string]string{"": "", "?t=2": "", "?t=1": "one"})
	sound(t, s)
}

// To keep what would be a signature tells apart what was one.
// What is redacted in a meta hides no artifact from its own URL when a rule
// changes another parameter, and shows it to no other URL.
func TestRuleBesideASecret(t *testing.T) {
	s := testStore(t)
	rule := func(lines string) { run(t, s.dir, "printf '"+lines+"' > queries/developer.download.nvidia.com") }
	holdAs(t, s, cudaURL+"?token=abc&job=1"+signed, "one")
	holdAs(t, s, cudaURL+"?h=v5&job=1", "two")
	run(t, s.dir, "rm done/*")
	own := map[string]string{"?token=abc&job=1": "one", "?token=abc&job=1" + signed: "one", "?h=v5&job=1": "two", "?token=abd&job=1": "", "?h=v6&job=1": ""}
	for _, lines := range []string{"drop job\\n", "drop all\\nkeep h\\nkeep token\\n", "keep job\\n", ""} {
		rule(lines)
		expect(t, s, lines, own)
	}
	rule("keep sig\\n")
	expect(t, s, "another signature is another artifact", map[string]string{"?token=abc&job=1": "", "?token=abc&job=1&sig=b&se=2026-11-28&sp=r": "", "?h=v5&job=1": "two"})
}

func TestRuleKeepsASignature(t *testing.T) {
	s := testStore(t)
	holdAs(t, s, cudaURL+"?v=1"+signed, "before")
	expect(t, s, "a signature", map[string]string{"?v=1": "before", "?v=1&sig=b&se=2027-11-28&sp=r": "before"})
	run(t, s.dir, "echo 'keep sig' > queries/developer.download.nvidia.com")
	expect(t, s, "kept", map[string]string{"?v=1": "", "?v=1&sig=b&se=2027-11-28&sp=r": ""})
	holdAs(t, s, cudaURL+"?v=1"+signed, "a")
	expect(t, s, "kept, and held", map[string]string{"?v=1": "", "?v=1&sig=b&se=2027-11-28&sp=r": "", "?v=1&sig=a&se=2028-11-28&sp=r": "a", "?v=1&sig=a": "a"})
	run(t, s.dir, "rm queries/*")
	expect(t, s, "no rule", map[string]string{"?v=1": "before", "?v=1" + signed: "before"})
}

// What can't be read or understood keeps the parameter, and is told.
func TestRuleThatSaysNothing(t *testing.T) {
	s := testStore(t)
	const name = "queries/developer.download.nvidia.com"
	for script, what := range map[string]string{
		"echo 'Drop t' > " + name:                                "line 1 says nothing",
		"echo 'drop t=' > " + name:                               "line 1 says nothing",
		"(yes '#' | head -c 70000; echo; echo drop t) > " + name: "can't be read",
		"mkdir " + name:                                          "not a regular file",
		"ln -s ../README " + name:                                "not a regular file",
		"echo 'drop t' > queries/HOST.COM":                       "neither a host nor",
		"echo 'drop t' > queries/h:80":                           "neither a host nor",
		"echo 'drop t' > queries/.hidden":                        "",
	} {
		run(t, s.dir, script)
		if u, err := s.Parse(cudaURL + "?t=1"); err != nil || u.QueryDropped() {
			t.Errorf("%s: %s, %v", script, u, err)
		}
		found := fsck(t, s, FsckOptions{})
		if what == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].Text, what) {
			t.Errorf("%s: %+v", script, found)
		}
		s.beat()
		if h := s.Health(); !strings.Contains(what, "regular") && (len(h) != 1 || !strings.Contains(h[0].What, "queries/")) {
			t.Errorf("%s: %+v", script, h)
		}
		run(t, s.dir, "rm -r queries; mkdir queries")
		s.beat()
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
		s := testStore(t)
		asOld(t, s, base+c.fetched)
		if c.rule != "" {
			run(t, s.dir, "echo '"+c.rule+"' > queries/vendor.example")
		}
		for _, q := range c.hit {
			if served(t, s, base+q) != "bytes" {
				t.Errorf("fetched as %q, %q: %q is a miss", c.fetched, c.rule, q)
			}
		}
		for _, q := range c.miss {
			if served(t, s, base+q) != "" {
				t.Errorf("fetched as %q, %q: %q is a hit", c.fetched, c.rule, q)
			}
		}
		if found := fsck(t, s, FsckOptions{}); len(found) != 0 {
			t.Errorf("fsck: %+v", found)
		}
	}
}

// What an earlier server's put carried in for a URL with a query is of that URL,
// as its job says, though its meta has it without.
func TestWhatAnEarlierServerCarriedIn(t *testing.T) {
	const base = "https://vendor.example/f.run"
	for query, miss := range map[string]string{"?h=v1": "", "?token=abc&job=1": "?token=abd&job=1", "": "?h=v1"} {
		s := testStore(t)
		a := asOld(t, s, base+query)
		m := a.Meta
		m.FinalURL, m.Approved = "", &Approval{Via: "put", Addr: "root", Time: m.Fetched}
		if err := s.writeMeta(a.Key, &m); err != nil {
			t.Fatal(err)
		}
		write(t, s, Done, a.Key+".job", base+query+"\n2026-11-28T22:16:18Z approve put root\n2026-11-28T22:16:18Z done 5 "+m.SHA256+"\n")
		for q, want := range map[string]string{query: "bytes", miss: ""} {
			if got := served(t, s, base+q); got != want {
				t.Errorf("carried in as %q: %q is served %q", query, q, got)
			}
		}
		if found := fsck(t, s, FsckOptions{}); len(found) != 0 {
			t.Errorf("fsck: %+v", found)
		}
	}
}

// asOld holds a URL as a server of before did: under a name with 16 digits, by
// the old rule, and with no sum of the URL that was asked for.
func asOld(t *testing.T, s *Store, rawURL string) *Artifact {
	t.Helper()
	a := holdAs(t, s, rawURL, "bytes")
	u, err := key.Parse(rawURL, key.Old)
	if err != nil {
		t.Fatal(err)
	}
	m := a.Meta
	m.AskedSum, m.Asked, m.URL, m.URLSum = "", "", key.Redact(u.String()), u.Sum()
	m.FinalURL = ""
	if final := key.Redact(rawURL); final != m.URL {
		m.FinalURL = final
	}
	run(t, s.dir, "rm meta/"+a.Key+".json; rm -f done/* hits/*")
	if err := s.writeMeta(u.OldKey(), &m); err != nil {
		t.Fatal(err)
	}
	return &Artifact{Key: u.OldKey(), Meta: m}
}

// Fetched again it has the name of today, and no other that would come back
// after an evict.
func TestWhatAnEarlierServerHoldsIsFetchedAgain(t *testing.T) {
	s := testStore(t)
	old := asOld(t, s, cudaURL)
	s.Hit(old.Key)
	s.flushHits()
	c := mustClaim(t, s, add(t, s, cudaURL))
	if held := c.Previous(); held == nil || held.Key != old.Key {
		t.Fatalf("%+v is held", held)
	}
	a := publish(t, c, "newer")
	if a.Key != keyOf(t, cudaURL) || len(a.History) != 1 || a.History[0].SHA256 != old.SHA256 {
		t.Errorf("%+v", a)
	}
	if n := s.Hits(a.Key); n != 1 {
		t.Errorf("%d hits", n)
	}
	if _, f, err := s.OpenVersion(cudaURL, old.SHA256); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if err := s.Evict(a.Key, By{Via: "cli"}); err != nil {
		t.Error(err)
	}
	expect(t, s, "evicted", map[string]string{"": ""})
	if found := fsck(t, s, FsckOptions{}); len(found) != 0 {
		t.Errorf("fsck: %+v", found)
	}
}

// What an earlier server noted, queued, denied, and had in its hands goes on.
func TestWhatAnEarlierServerLeaves(t *testing.T) {
	rename := func(t *testing.T, s *Store, dir string) (old string) {
		k := keyOf(t, cudaURL)
		old = key.OldName(k)
		run(t, s.dir, "cd "+dir+"; for f in *; do mv \"$f\" \"$(echo \"$f\" | sed s/"+k+"/"+old+"/)\"; done")
		return old
	}
	t.Run("misses", func(t *testing.T) {
		s := testStore(t)
		noteMiss(t, s, cudaURL, client1)
		old := rename(t, s, "misses")
		if v := noteMiss(t, s, cudaURL, "10.0.0.8"); v != Noted || !strings.Contains(text(t, s, Misses, old), "10.0.0.8") {
			t.Errorf("%s: %s", v, text(t, s, Misses, old))
		}
		if n, _ := s.Count(Misses); n != 1 {
			t.Errorf("%d misses", n)
		}
		noteMiss(t, s, cudaURL+"?h=1", client1)
		if n, _ := s.Count(Misses); n != 2 {
			t.Errorf("%d misses: another URL has none of its own", n)
		}
		name, err := s.Add(Addition{URL: cudaURL}, By{Via: "cli"})
		if err != nil {
			t.Fatal(err)
		}
		c := mustClaim(t, s, name)
		if a := publish(t, c, "bytes"); a.Misses != 2 || a.Key != keyOf(t, cudaURL) {
			t.Errorf("%+v", a)
		}
	})
	t.Run("queue", func(t *testing.T) {
		s := testStore(t)
		add(t, s, cudaURL)
		old := rename(t, s, "queue")
		if v := noteMiss(t, s, cudaURL, client1); v != IsQueue {
			t.Error(v)
		}
		if name := add(t, s, cudaURL); name != old+".job" {
			t.Errorf("queued beside it as %s", name)
		}
		publish(t, mustClaim(t, s, old+".job"), "bytes")
		expect(t, s, "fetched", map[string]string{"": "bytes"})
	})
	t.Run("denied", func(t *testing.T) {
		s := testStore(t)
		noteMiss(t, s, cudaURL, client1)
		run(t, s.dir, "mv misses/* denied/")
		rename(t, s, "denied")
		for _, q := range []string{"", "?t=1", "?h=2&sha=3"} { // all were one then
			if v := noteMiss(t, s, cudaURL+q, client1); v != IsDenied {
				t.Error(q, v)
			}
		}
		if v := noteMiss(t, s, cudaURL+"?version=1", client1); v != Noted {
			t.Error(v)
		}
	})
	t.Run("active", func(t *testing.T) {
		s := testStore(t)
		c := mustClaim(t, s, add(t, s, cudaURL))
		rename(t, s, "active")
		if v := noteMiss(t, s, cudaURL, client1); v != IsActive {
			t.Error(v)
		}
		c.f.Close() // its server is gone
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		publish(t, claimNext(t, s), "bytes")
		expect(t, s, "recovered", map[string]string{"": "bytes"})
	})
	t.Run("the blob", func(t *testing.T) {
		s := testStore(t)
		asOld(t, s, cudaURL)
		run(t, s.dir, "rm -f blobs/*")
		retryLost(t, s)
		publish(t, claimNext(t, s), "bytes")
		expect(t, s, "restored", map[string]string{"": "bytes"})
		sound(t, s)
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
		s := testStore(t)
		for step := range 40 {
			rule := rules[rnd.IntN(len(rules))]
			if err := os.WriteFile(s.path("queries", "developer.download.nvidia.com"), []byte(rule), 0o660); err != nil {
				t.Fatal(err)
			}
			own, _ := key.ParseHostRules(rule)
			q := queries[rnd.IntN(len(queries))]
			holdAs(t, s, cudaURL+q, fmt.Sprint(q, "|", step))
			for _, q := range queries {
				got := served(t, s, cudaURL+q)
				if got == "" {
					continue
				}
				brought, _, _ := strings.Cut(got, "|")
				u, _ := key.ParseWith(cudaURL+q, own)
				v, _ := key.ParseWith(cudaURL+brought, own)
				if u.String() != v.String() {
					t.Fatalf("round %d, step %d, %q: asked for %q, served what %q brought", round, step, rule, q, brought)
				}
			}
		}
		if found := fsck(t, s, FsckOptions{Quick: true}); len(found) != 0 {
			t.Fatalf("fsck: %+v", found)
		}
	}
}

// TestDeniedByRule: what a redirect leads to is known by the rules of its host, too.
func TestDeniedByRule(t *testing.T) {
	s := testStore(t)
	u := cudaURL + "?k=1"
	run(t, s.dir, "echo 'drop k' > queries/developer.download.nvidia.com")
	noteMiss(t, s, u, client1)
	if err := s.Deny(keyIn(t, s, u), By{Via: "cli"}); err != nil {
		t.Fatal(err)
	}
	if s.DeniedBy(cudaURL+"?k=2") == "" || s.DeniedBy(cudaURL+"?l=2") != "" || s.DeniedBy("no URL") != "" {
		t.Errorf("%q, %q", s.DeniedBy(cudaURL+"?k=2"), s.DeniedBy(cudaURL+"?l=2"))
	}
}

func keyIn(t *testing.T, s *Store, url string) string {
	t.Helper()
	u, err := s.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Key()
}
