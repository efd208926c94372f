package fsstore

import (
	"errors"
	"strings"
	"testing"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Two URLs whose names of 16 digits are equal, as a search for 64 bits finds them
// in minutes. Under such a name an earlier server may have left files of either.
const (
	oneURL  = "http://127.0.0.1:18080/n/74fc8b9b1cc43af6/f.run"
	twinURL = "http://127.0.0.1:18080/e/8469ad2b07e4d4e9/f.run"
)

func collided(t *testing.T) (old string) {
	t.Helper()
	a, b := mustURL(oneURL), mustURL(twinURL)
	if a.OldKey() != b.OldKey() || a.Sum() == b.Sum() || a.Key() == b.Key() {
		t.Fatal("they are no collision")
	}
	return a.OldKey()
}

// write puts a file of an earlier server into place.
func write(t *testing.T, s *Store, st State, name string, lines ...string) {
	t.Helper()
	cmd := "printf '%s\\n'"
	for _, line := range lines {
		cmd += " " + quote(line)
	}
	run(t, s.dir, cmd+" > "+string(st)+"/"+quote(name))
}

const (
	askedThen    = "2026-11-22T21:27:26Z miss 10.0.0.7 curl/8"
	approvedThen = "2026-11-22T21:31:00Z approve web 10.0.0.2"
)

func TestANameIsNoIdentity(t *testing.T) {
	old := collided(t)
	other := mustURL(twinURL).Key()
	t.Run("noted", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Misses, old, oneURL, askedThen)
		if v := noteMiss(t, s, twinURL, "10.0.0.66"); v != Noted {
			t.Error(v)
		}
		noteMiss(t, s, oneURL, "10.0.0.8") // goes on where an earlier server began
		want(t, s, Misses, old, other)
		if got := text(t, s, Misses, old); strings.Contains(got, "10.0.0.66") || !strings.Contains(got, "10.0.0.8") {
			t.Error(got)
		}
		if err := s.Approve(old, "", operator); err != nil {
			t.Fatal(err)
		}
		if c := claimNext(t, s); c.URL != oneURL || c.Key != mustURL(oneURL).Key() {
			t.Errorf("%s is fetched as %s", c.URL, c.Key)
		}
		want(t, s, Misses, other)
	})
	t.Run("both in one miss", func(t *testing.T) {
		for seen, way := range map[string]string{oneURL: "", twinURL: "", "": "mv misses/* queue/"} {
			s := testStore(t)
			write(t, s, Misses, old, oneURL, askedThen, askedThen+" "+twinURL)
			if way != "" {
				run(t, s.dir, way)
				if c, err := s.Claim(old); c != nil || err != nil {
					t.Fatalf("%+v, %v", c, err)
				}
				run(t, s.dir, "grep -q ' failed the URL that was noted last is of another artifact' failed/*")
				continue
			}
			if err := s.Approve(old, job.URLSum(seen), operator); err != nil {
				t.Fatal(err)
			}
			c := claimNext(t, s)
			if c.URL != seen || c.Key != mustURL(seen).Key() {
				t.Errorf("%s was seen, and %s is fetched as %s", seen, c.URL, c.Key)
			}
			publish(t, c, "bytes of "+seen)
			for _, u := range []string{oneURL, twinURL} {
				if held := bodyOf(t, s, u) != "not held"; held != (u == seen) {
					t.Errorf("%s was approved, and %s is held: %v", seen, u, held)
				}
			}
		}
	})
	t.Run("queued, active, denied", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Queue, old+".job", oneURL, approvedThen)
		for u, v := range map[string]Verdict{oneURL: IsQueue, twinURL: Noted} {
			if got := noteMiss(t, s, u, client1); got != v {
				t.Errorf("%s waits: %s is %s", oneURL, u, got)
			}
		}
		run(t, s.dir, "rm misses/* && mv queue/"+old+".job active/"+old+"@0123456789abcdef.job")
		for u, v := range map[string]Verdict{oneURL: IsActive, twinURL: Noted} {
			if got := noteMiss(t, s, u, client1); got != v {
				t.Errorf("%s is fetched: %s is %s", oneURL, u, got)
			}
		}
		run(t, s.dir, "rm misses/* && mv active/* denied/"+old)
		for u, v := range map[string]Verdict{oneURL: IsDenied, twinURL: Noted} {
			if got := noteMiss(t, s, u, client1); got != v {
				t.Errorf("%s is denied: %s is %s", oneURL, u, got)
			}
		}
		run(t, s.dir, ": > denied/"+old) // it holds no URL, and speaks by its name
		if got := s.DeniedBy(twinURL); got != old {
			t.Errorf("denied by %q", got)
		}
	})
	t.Run("added", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Misses, old, oneURL, askedThen)
		if _, err := s.Add(Addition{URL: twinURL}, operator); err != nil {
			t.Fatal(err)
		}
		want(t, s, Misses, old)
		if c := claimNext(t, s); c.URL != twinURL {
			t.Errorf("fetching %s", c.URL)
		}
	})
	t.Run("waits, and is added to", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Queue, old+".job", oneURL, approvedThen)
		name, err := s.Add(Addition{URL: twinURL, SHA256: digestOf("x")}, operator)
		if err != nil || name != other+".job" || strings.Contains(text(t, s, Queue, old+".job"), "sha256") {
			t.Errorf("%s, %v", name, err)
		}
		if name, err = s.Add(Addition{URL: oneURL, SHA256: digestOf("x")}, operator); err != nil || name != old+".job" {
			t.Errorf("%s, %v", name, err)
		}
	})
	t.Run("carried in", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Misses, old, oneURL, askedThen)
		write(t, s, Queue, old+".job", oneURL, approvedThen)
		putIn(t, s, twinURL, "bytes")
		want(t, s, Misses, old)
		want(t, s, Queue, old+".job")
		putIn(t, s, oneURL, "bytes")
		want(t, s, Misses)
		want(t, s, Queue)
	})
	t.Run("tried again with the other", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Failed, old+".job", oneURL, approvedThen, "2026-11-22T21:32:00Z failed 404")
		if err := s.RetryAs(Failed, old+".job", twinURL, operator); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
		if err := s.Retry(old, operator); err != nil {
			t.Fatal(err)
		}
		if c := claimNext(t, s); c.URL != oneURL {
			t.Errorf("fetching %s", c.URL)
		}
	})
	t.Run("history", func(t *testing.T) {
		s := testStore(t)
		write(t, s, Done, old+".job", oneURL, approvedThen, "2026-11-22T21:32:00Z done 5 "+digestOf("bytes"))
		publish(t, mustClaim(t, s, add(t, s, twinURL)), "other")
		want(t, s, Done, old+".job", other+".job")
		publish(t, mustClaim(t, s, add(t, s, oneURL)), "bytes")
		k := mustURL(oneURL).Key()
		want(t, s, Done, k+".2.job", k+".job", other+".job")
		if got := text(t, s, Done, k+".2.job"); !strings.Contains(got, approvedThen) {
			t.Error(got)
		}
	})
}

// A part of an earlier server is gone on with by its own job alone.
func TestAPartOfAnEarlierServer(t *testing.T) {
	old := collided(t)
	claim := "2026-11-22T21:31:00Z claim host 1 " + bootID() + " 0123456789abcdef"
	start := `2026-11-22T21:31:00Z start 11 "a" host 1`
	for _, u := range []string{oneURL, twinURL} {
		s := testStore(t)
		run(t, s.dir, "printf 'hello ' > tmp/"+old+"@0123456789abcdef.part && chmod 660 tmp/*")
		if u == oneURL {
			write(t, s, Queue, old+".job", oneURL, approvedThen, claim, start, "2026-11-22T21:32:00Z requeue stopped")
		} else {
			add(t, s, twinURL)
		}
		c := claimNext(t, s)
		p, err := c.Part(t.Context(), true)
		if err != nil || p.Size() > 0 != (u == oneURL) {
			t.Errorf("%s goes on with %d bytes, %v", u, p.Size(), err)
		}
	}
}

// Under a name of today a person may have put the miss of another URL. It is not
// written to, nor approved for what it is not.
func TestAMissOfAnotherURLUnderTodaysName(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	write(t, s, Misses, k, "https://example.com/mine.run", askedThen)
	before := text(t, s, Misses, k)
	if v := noteMiss(t, s, cudaURL, client1); v != IsFull {
		t.Error(v)
	}
	if _, err := s.Add(Addition{URL: cudaURL}, operator); err != nil {
		t.Fatal(err)
	}
	if got := text(t, s, Misses, k); got != before {
		t.Error(got)
	}
	c := claimNext(t, s)
	if c.URL != cudaURL {
		t.Errorf("fetching %s", c.URL)
	}
	publish(t, c, "bytes")
	want(t, s, Misses, k)
	if err := s.Approve(k, "", operator); err != nil {
		t.Fatal(err)
	}
	if c := claimNext(t, s); c.URL != "https://example.com/mine.run" || c.Key == k {
		t.Errorf("%s is fetched as %s", c.URL, c.Key)
	}
}

// A miss in which the rule of an earlier server took several URLs for one shows
// each, and what is chosen is fetched as what it is.
func TestAMissThatAnEarlierRuleMerged(t *testing.T) {
	const good, evil = "https://example.com/fw.bin?h=good", "https://example.com/fw.bin?h=evil"
	u, err := key.Parse(good, key.Old)
	if err != nil {
		t.Fatal(err)
	}
	s := testStore(t)
	write(t, s, Misses, u.OldKey(), good, askedThen, askedThen+" "+evil)
	noteMiss(t, s, good, client1)
	noteMiss(t, s, evil, client1)
	want(t, s, Misses, u.OldKey(), keyOf(t, evil))
	if err := s.Approve(u.OldKey(), job.URLSum(good), operator); err != nil {
		t.Fatal(err)
	}
	publish(t, claimNext(t, s), "good bytes")
	if bodyOf(t, s, good) != "good bytes" || bodyOf(t, s, evil) != "not held" {
		t.Errorf("good: %s, evil: %s", bodyOf(t, s, good), bodyOf(t, s, evil))
	}
	want(t, s, Misses, keyOf(t, evil))
	sound(t, s)
}

// An earlier server kept the signature in the name of what has no extension. What
// the disk has lost of that can be fetched again, though it has another name then.
func TestARestoreOfWhatAnEarlierServerNamed(t *testing.T) {
	s := testStore(t)
	signed := "https://example.com/model?AWSAccessKeyId=k&Expires=1&Signature=s"
	a := hold(t, s, signed, "bytes")
	u, err := key.Parse(signed, key.Old)
	if err != nil {
		t.Fatal(err)
	}
	old := a.Meta
	old.URL, old.URLSum, old.AskedSum = key.Redact(u.String()), u.Sum(), ""
	if err := s.writeMeta(u.OldKey(), &old); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "rm meta/"+a.Key+".json blobs/* && mv done/"+a.Key+".job done/"+u.OldKey()+".job")
	retryLost(t, s)
	publish(t, claimNext(t, s), "bytes")
	if b := bodyOf(t, s, signed); b != "bytes" {
		t.Errorf("held: %s", b)
	}
	sound(t, s)
}
