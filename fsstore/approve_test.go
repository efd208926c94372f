package fsstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What can't be noted is not approved: the old URL would be fetched, and later
// what another client asks for.
func TestHalfALineApprovesNothing(t *testing.T) {
	if !alone(t) {
		return
	}
	for name, approve := range map[string]func(s *Store, by By) error{
		"approve": func(s *Store, by By) error { return s.Approve(mustKey(cudaURL), "", by) },
		"add": func(s *Store, by By) error {
			_, err := s.Add(Addition{URL: cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=new"}, by)
			return err
		},
	} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=old", client1)
		before := text(t, s, Misses, k)
		roomy := fullAt(t, int64(len(before)+30))
		err := approve(s, By{"cli", "x"})
		roomy()
		if err == nil {
			t.Errorf("%s: approved without its line", name)
		}
		want(t, s, Misses, k)
		want(t, s, Queue)
		if got := text(t, s, Misses, k); got != before {
			t.Errorf("%s: left behind: %q", name, got[len(before):])
		}
	}
}

// The URL that an addition names is fetched, whatever else is noted in the miss.
func TestAddOverAMissFetchesItsURL(t *testing.T) {
	for _, script := range []string{"true", ": > misses/*"} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=old", client1)
		run(t, s.dir, script)
		add(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new")
		run(t, s.dir, "echo '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 "+cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=late' >> queue/"+k+".job")
		if c := claimNext(t, s); c.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new" {
			t.Errorf("%s: fetching %s", script, c.URL)
		}
	}
}

// An addition to a job that waits or runs adds what it asks for, or says that
// it can't.
func TestAddCompletesTheJobThatWaits(t *testing.T) {
	one, other := digestOf("one"), digestOf("other")
	signed := cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=new"
	for _, c := range []struct {
		name    string
		state   string // what becomes of the first job
		first   Addition
		second  Addition
		refused bool
		sum     string // what the job that waits has in the end
		url     string
	}{
		{"nothing new", "", Addition{URL: cudaURL, SHA256: one}, Addition{URL: cudaURL}, false, one, cudaURL},
		{"the same", "", Addition{URL: cudaURL, SHA256: one}, Addition{URL: cudaURL, SHA256: strings.ToUpper(one)}, false, one, cudaURL},
		{"a digest", "", Addition{URL: cudaURL}, Addition{URL: cudaURL, SHA256: one}, false, one, cudaURL},
		{"another digest", "", Addition{URL: cudaURL, SHA256: one}, Addition{URL: cudaURL, SHA256: other}, true, one, cudaURL},
		{"an accept", "", Addition{URL: cudaURL}, Addition{URL: cudaURL, AcceptAny: true}, false, "", cudaURL},
		{"another URL", "", Addition{URL: cudaURL}, Addition{URL: signed, SHA256: one}, false, one, signed},
		{"a digest for a URL that is no more", "", Addition{URL: signed}, Addition{URL: cudaURL, SHA256: one}, false, one, cudaURL},
		{"what was moved", "mv queue/* x && mv x queue/" + mustKey(cudaURL), Addition{URL: cudaURL}, Addition{URL: signed, SHA256: one}, false, one, signed},
		{"no job", "echo '# mine' > queue/" + mustKey(cudaURL) + ".job", Addition{URL: cudaURL}, Addition{URL: cudaURL, SHA256: one}, true, "", ""},
		{"a link", "mv queue/* x && ln -s x queue/" + mustKey(cudaURL) + ".job", Addition{URL: cudaURL}, Addition{URL: cudaURL, SHA256: one}, true, "", ""},
		{"active, nothing new", "active", Addition{URL: cudaURL, SHA256: one}, Addition{URL: cudaURL}, false, one, cudaURL},
		{"active, a digest", "active", Addition{URL: cudaURL}, Addition{URL: cudaURL, SHA256: one}, true, "", cudaURL},
		{"active, an accept", "active", Addition{URL: cudaURL}, Addition{URL: cudaURL, AcceptHTTP: true}, true, "", cudaURL},
		{"active, another URL", "active", Addition{URL: cudaURL}, Addition{URL: signed}, true, "", cudaURL},
	} {
		s := testStore(t)
		if _, err := s.Add(c.first, By{"cli", "first"}); err != nil {
			t.Fatal(err)
		}
		var claim *Claim
		if c.state == "active" {
			claim = claimNext(t, s)
		} else {
			run(t, s.dir, c.state)
		}
		_, err := s.Add(c.second, By{"cli", "second"})
		if (err != nil) != c.refused || err != nil && !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.url == "" {
			continue
		}
		if claim == nil {
			claim = claimNext(t, s)
		}
		want(t, s, Queue)
		j := &claim.Job
		if claim.URL != c.url || j.Sha256 != c.sum || !c.refused && j.AcceptAny != c.second.AcceptAny {
			t.Errorf("%s: fetching %s, sha256 %q, accept any %v", c.name, claim.URL, j.Sha256, j.AcceptAny)
		}
		if e := j.Approval(); !c.refused && !strings.Contains(c.name, "nothing") && c.name != "the same" && e.Addr != "second" {
			t.Errorf("%s: approved by %+v", c.name, e)
		}
	}
}

// What a client noted after the first approval is not what the second approves.
func TestAddCompletesWithoutLateMisses(t *testing.T) {
	s := testStore(t)
	add(t, s, cudaURL)
	run(t, s.dir, "echo '2026-11-22T21:27:26Z miss 10.0.0.66 curl/8 "+cudaURL+"?evil' >> queue/*")
	if _, err := s.Add(Addition{URL: cudaURL, SHA256: digestOf("x")}, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	if c := claimNext(t, s); c.URL != cudaURL {
		t.Errorf("fetching %s", c.URL)
	}
}

// Workers claim while digests are added: each that was answered is in a claim,
// or is refused.
func TestAddCompletesWhileWorkersClaim(t *testing.T) {
	s := testStore(t)
	for i := range 15 {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		name := add(t, s, url)
		claimed := make(chan *Claim)
		go func() {
			for {
				if c, err := s.Claim(name); c != nil || err != nil {
					claimed <- c
					return
				}
			}
		}()
		_, err := s.Add(Addition{URL: url, SHA256: digestOf("x")}, By{"cli", "x"})
		c := <-claimed
		if err == nil && c.Job.Sha256 == "" || err != nil && !errors.Is(err, ErrBusy) {
			t.Errorf("%s: sha256 %q, answered %v", url, c.Job.Sha256, err)
		}
		publish(t, c, "x")
	}
}
