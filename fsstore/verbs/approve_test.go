package verbs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// What can't be noted is not approved: the old URL would be fetched, and later
// what another client asks for.
func TestHalfALineApprovesNothing(t *testing.T) {
	if !storetest.Alone(t) {
		return
	}
	for name, approve := range map[string]func(s *fsstore.Store, by fsstore.Operator) error{
		"approve": func(s *fsstore.Store, by fsstore.Operator) error {
			return s.Approve(storetest.MustKey(storetest.CudaURL), "", by)
		},
		"add": func(s *fsstore.Store, by fsstore.Operator) error {
			_, err := s.Add(fsstore.Addition{URL: storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=new"}, by)
			return err
		},
	} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.NoteMiss(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=old", storetest.Client1)
		before := storetest.Text(t, s, fsstore.Misses, k)
		roomy := storetest.FullAt(t, int64(len(before)+30))
		err := approve(s, fsstore.Operator{Via: "cli", Addr: "x"})
		roomy()
		if err == nil {
			t.Errorf("%s: approved without its line", name)
		}
		storetest.Want(t, s, fsstore.Misses, k)
		storetest.Want(t, s, fsstore.Queue)
		if got := storetest.Text(t, s, fsstore.Misses, k); got != before {
			t.Errorf("%s: left behind: %q", name, got[len(before):])
		}
	}
}

// The URL that an addition names is fetched, whatever else is noted in the miss.
func TestAddOverAMissFetchesItsURL(t *testing.T) {
	for _, script := range []string{"true", ": > misses/*"} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.NoteMiss(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=old", storetest.Client1)
		storetest.Run(t, s.Dir(), script)
		storetest.Add(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new")
		storetest.Run(t, s.Dir(), "echo '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 "+storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=late' >> queue/"+k+".job")
		if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new" {
			t.Errorf("%s: fetching %s", script, c.URL)
		}
	}
}

// An addition to a job that waits or runs adds what it asks for, or says that
// it can't.
func TestAddCompletesTheJobThatWaits(t *testing.T) {
	one, other := storetest.DigestOf("one"), storetest.DigestOf("other")
	signed := storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=new"
	for _, c := range []struct {
		name    string
		state   string // what becomes of the first job
		first   fsstore.Addition
		second  fsstore.Addition
		refused bool
		sum     string // what the job that waits has in the end
		url     string
	}{
		{"nothing new", "", fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, fsstore.Addition{URL: storetest.CudaURL}, false, one, storetest.CudaURL},
		{"the same", "", fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, fsstore.Addition{URL: storetest.CudaURL, SHA256: strings.ToUpper(one)}, false, one, storetest.CudaURL},
		{"a digest", "", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, false, one, storetest.CudaURL},
		{"another digest", "", fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, fsstore.Addition{URL: storetest.CudaURL, SHA256: other}, true, one, storetest.CudaURL},
		{"an accept", "", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, AcceptAny: true}, false, "", storetest.CudaURL},
		{"another URL", "", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: signed, SHA256: one}, false, one, signed},
		{"a digest for a URL that is no more", "", fsstore.Addition{URL: signed}, fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, false, one, storetest.CudaURL},
		{"what was moved", "mv queue/* x && mv x queue/" + storetest.MustKey(storetest.CudaURL), fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: signed, SHA256: one}, false, one, signed},
		{"no job", "echo '# mine' > queue/" + storetest.MustKey(storetest.CudaURL) + ".job", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, true, "", ""},
		{"a link", "mv queue/* x && ln -s x queue/" + storetest.MustKey(storetest.CudaURL) + ".job", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, true, "", ""},
		{"active, nothing new", "active", fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, fsstore.Addition{URL: storetest.CudaURL}, false, one, storetest.CudaURL},
		{"active, a digest", "active", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, SHA256: one}, true, "", storetest.CudaURL},
		{"active, an accept", "active", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: storetest.CudaURL, AcceptHTTP: true}, true, "", storetest.CudaURL},
		{"active, another URL", "active", fsstore.Addition{URL: storetest.CudaURL}, fsstore.Addition{URL: signed}, true, "", storetest.CudaURL},
	} {
		s := storetest.TestStore(t)
		if _, err := s.Add(c.first, fsstore.Operator{Via: "cli", Addr: "first"}); err != nil {
			t.Fatal(err)
		}
		var claim *fsstore.Claim
		if c.state == "active" {
			claim = storetest.ClaimNext(t, s)
		} else {
			storetest.Run(t, s.Dir(), c.state)
		}
		_, err := s.Add(c.second, fsstore.Operator{Via: "cli", Addr: "second"})
		if (err != nil) != c.refused || err != nil && !errors.Is(err, fsstore.ErrBusy) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.url == "" {
			continue
		}
		if claim == nil {
			claim = storetest.ClaimNext(t, s)
		}
		storetest.Want(t, s, fsstore.Queue)
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
	s := storetest.TestStore(t)
	storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "echo '2026-11-22T21:27:26Z miss 10.0.0.66 curl/8 "+storetest.CudaURL+"?evil' >> queue/*")
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL, SHA256: storetest.DigestOf("x")}, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL {
		t.Errorf("fetching %s", c.URL)
	}
}

// Workers claim while digests are added: each that was answered is in a claim,
// or is refused.
func TestAddCompletesWhileWorkersClaim(t *testing.T) {
	s := storetest.TestStore(t)
	for i := range 15 {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		name := storetest.Add(t, s, url)
		claimed := make(chan *fsstore.Claim)
		go func() {
			for {
				if c, err := s.Claim(name); c != nil || err != nil {
					claimed <- c
					return
				}
			}
		}()
		_, err := s.Add(fsstore.Addition{URL: url, SHA256: storetest.DigestOf("x")}, fsstore.Operator{Via: "cli", Addr: "x"})
		c := <-claimed
		if err == nil && c.Job.Sha256 == "" || err != nil && !errors.Is(err, fsstore.ErrBusy) {
			t.Errorf("%s: sha256 %q, answered %v", url, c.Job.Sha256, err)
		}
		storetest.Publish(t, c, "x")
	}
}

// A full disk cut a miss in half: the approval must not become its tail, or
// what is noted later would be fetched under it.
func TestApproveAfterACutLine(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "printf '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 https://exa' >> misses/"+k)
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL, AcceptAny: true}, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	c := storetest.ClaimNext(t, s)
	if c.Job.Approval().Via != "web" || !c.Job.AcceptAny {
		t.Errorf("the approval is lost:\n%s", storetest.Text(t, s, fsstore.Active, storetest.Ls(t, s, fsstore.Active)[0]))
	}
}
