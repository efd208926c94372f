package spool_test

import (
	"errors"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

func collided(t *testing.T) (old string) {
	t.Helper()
	a, b := storetest.MustURL(storetest.OneURL), storetest.MustURL(storetest.TwinURL)
	if a.OldKey() != b.OldKey() || a.Sum() == b.Sum() || a.Key() == b.Key() {
		t.Fatal("they are no collision")
	}
	return a.OldKey()
}

func TestANameIsNoIdentity(t *testing.T) {
	old := collided(t)
	other := storetest.MustURL(storetest.TwinURL).Key()
	t.Run("noted", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Misses, old, storetest.OneURL, storetest.AskedThen)
		if v := storetest.NoteMiss(t, s, storetest.TwinURL, "10.0.0.66"); v != fsstore.VerdictNoted {
			t.Error(v)
		}
		storetest.NoteMiss(t, s, storetest.OneURL, "10.0.0.8") // goes on where an earlier server began
		storetest.Want(t, s, fsstore.Misses, old, other)
		if got := storetest.Text(t, s, fsstore.Misses, old); strings.Contains(got, "10.0.0.66") || !strings.Contains(got, "10.0.0.8") {
			t.Error(got)
		}
		if err := s.Approve(old, "", storetest.Operator); err != nil {
			t.Fatal(err)
		}
		if c := storetest.ClaimNext(t, s); c.URL != storetest.OneURL || c.Key != storetest.MustURL(storetest.OneURL).Key() {
			t.Errorf("%s is fetched as %s", c.URL, c.Key)
		}
		storetest.Want(t, s, fsstore.Misses, other)
	})
	t.Run("both in one miss", func(t *testing.T) {
		for seen, way := range map[string]string{storetest.OneURL: "", storetest.TwinURL: "", "": "mv misses/* queue/"} {
			s := storetest.TestStore(t)
			storetest.Write(t, s, fsstore.Misses, old, storetest.OneURL, storetest.AskedThen, storetest.AskedThen+" "+storetest.TwinURL)
			if way != "" {
				storetest.Run(t, s.Dir(), way)
				if c, err := s.Claim(old); c != nil || err != nil {
					t.Fatalf("%+v, %v", c, err)
				}
				storetest.Run(t, s.Dir(), "grep -q ' failed the URL that was recorded last is of another artifact' failed/*")
				continue
			}
			if err := s.Approve(old, job.URLSum(seen), storetest.Operator); err != nil {
				t.Fatal(err)
			}
			c := storetest.ClaimNext(t, s)
			if c.URL != seen || c.Key != storetest.MustURL(seen).Key() {
				t.Errorf("%s was seen, and %s is fetched as %s", seen, c.URL, c.Key)
			}
			storetest.Publish(t, c, "bytes of "+seen)
			for _, u := range []string{storetest.OneURL, storetest.TwinURL} {
				if held := storetest.BodyOf(t, s, u) != "not held"; held != (u == seen) {
					t.Errorf("%s was approved, and %s is held: %v", seen, u, held)
				}
			}
		}
	})
	t.Run("queued, active, denied", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Queue, old+".job", storetest.OneURL, storetest.ApprovedThen)
		for u, v := range map[string]fsstore.Verdict{storetest.OneURL: fsstore.VerdictQueued, storetest.TwinURL: fsstore.VerdictNoted} {
			if got := storetest.NoteMiss(t, s, u, storetest.Client1); got != v {
				t.Errorf("%s waits: %s is %s", storetest.OneURL, u, got)
			}
		}
		storetest.Run(t, s.Dir(), "rm misses/* && mv queue/"+old+".job active/"+old+"@0123456789abcdef.job")
		for u, v := range map[string]fsstore.Verdict{storetest.OneURL: fsstore.VerdictActive, storetest.TwinURL: fsstore.VerdictNoted} {
			if got := storetest.NoteMiss(t, s, u, storetest.Client1); got != v {
				t.Errorf("%s is fetched: %s is %s", storetest.OneURL, u, got)
			}
		}
		storetest.Run(t, s.Dir(), "rm misses/* && mv active/* denied/"+old)
		for u, v := range map[string]fsstore.Verdict{storetest.OneURL: fsstore.VerdictDenied, storetest.TwinURL: fsstore.VerdictNoted} {
			if got := storetest.NoteMiss(t, s, u, storetest.Client1); got != v {
				t.Errorf("%s is denied: %s is %s", storetest.OneURL, u, got)
			}
		}
		storetest.Run(t, s.Dir(), ": > denied/"+old) // it holds no URL, and speaks by its name
		if got := s.DeniedBy(storetest.TwinURL); got != old {
			t.Errorf("denied by %q", got)
		}
	})
	t.Run("added", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Misses, old, storetest.OneURL, storetest.AskedThen)
		if _, err := s.Add(fsstore.Addition{URL: storetest.TwinURL}, storetest.Operator); err != nil {
			t.Fatal(err)
		}
		storetest.Want(t, s, fsstore.Misses, old)
		if c := storetest.ClaimNext(t, s); c.URL != storetest.TwinURL {
			t.Errorf("fetching %s", c.URL)
		}
	})
	t.Run("waits, and is added to", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Queue, old+".job", storetest.OneURL, storetest.ApprovedThen)
		name, err := s.Add(fsstore.Addition{URL: storetest.TwinURL, SHA256: storetest.DigestOf("x")}, storetest.Operator)
		if err != nil || name != other+".job" || strings.Contains(storetest.Text(t, s, fsstore.Queue, old+".job"), "sha256") {
			t.Errorf("%s, %v", name, err)
		}
		if name, err = s.Add(fsstore.Addition{URL: storetest.OneURL, SHA256: storetest.DigestOf("x")}, storetest.Operator); err != nil || name != old+".job" {
			t.Errorf("%s, %v", name, err)
		}
	})
	t.Run("carried in", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Misses, old, storetest.OneURL, storetest.AskedThen)
		storetest.Write(t, s, fsstore.Queue, old+".job", storetest.OneURL, storetest.ApprovedThen)
		storetest.PutIn(t, s, storetest.TwinURL, "bytes")
		storetest.Want(t, s, fsstore.Misses, old)
		storetest.Want(t, s, fsstore.Queue, old+".job")
		storetest.PutIn(t, s, storetest.OneURL, "bytes")
		storetest.Want(t, s, fsstore.Misses)
		storetest.Want(t, s, fsstore.Queue)
	})
	t.Run("tried again with the other", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Failed, old+".job", storetest.OneURL, storetest.ApprovedThen, "2026-11-22T21:32:00Z failed 404")
		if err := s.RetryAs(fsstore.Failed, old+".job", storetest.TwinURL, storetest.Operator); !errors.Is(err, fsstore.ErrInvalid) {
			t.Error(err)
		}
		if err := s.Retry(old, storetest.Operator); err != nil {
			t.Fatal(err)
		}
		if c := storetest.ClaimNext(t, s); c.URL != storetest.OneURL {
			t.Errorf("fetching %s", c.URL)
		}
	})
	t.Run("history", func(t *testing.T) {
		s := storetest.TestStore(t)
		storetest.Write(t, s, fsstore.Done, old+".job", storetest.OneURL, storetest.ApprovedThen, "2026-11-22T21:32:00Z done 5 "+storetest.DigestOf("bytes"))
		storetest.Publish(t, storetest.MustClaim(t, s, storetest.Add(t, s, storetest.TwinURL)), "other")
		storetest.Want(t, s, fsstore.Done, old+".job", other+".job")
		storetest.Publish(t, storetest.MustClaim(t, s, storetest.Add(t, s, storetest.OneURL)), "bytes")
		k := storetest.MustURL(storetest.OneURL).Key()
		storetest.Want(t, s, fsstore.Done, k+".2.job", k+".job", other+".job")
		if got := storetest.Text(t, s, fsstore.Done, k+".2.job"); !strings.Contains(got, storetest.ApprovedThen) {
			t.Error(got)
		}
	})
}

// A part of an earlier server is gone on with by its own job alone.
func TestAPartOfAnEarlierServer(t *testing.T) {
	old := collided(t)
	claim := "2026-11-22T21:31:00Z claim host 1 " + tree.BootID() + " 0123456789abcdef"
	start := `2026-11-22T21:31:00Z start 11 "a" host 1`
	for _, u := range []string{storetest.OneURL, storetest.TwinURL} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "printf 'hello ' > tmp/"+old+"@0123456789abcdef.part && chmod 660 tmp/*")
		if u == storetest.OneURL {
			storetest.Write(t, s, fsstore.Queue, old+".job", storetest.OneURL, storetest.ApprovedThen, claim, start, "2026-11-22T21:32:00Z requeue stopped")
		} else {
			storetest.Add(t, s, storetest.TwinURL)
		}
		c := storetest.ClaimNext(t, s)
		p, err := c.Part(t.Context(), true)
		if err != nil || p.Size() > 0 != (u == storetest.OneURL) {
			t.Errorf("%s goes on with %d bytes, %v", u, p.Size(), err)
		}
	}
}

// Under a name of today a person may have put the miss of another URL. It is not
// written to, nor approved for what it is not.
func TestAMissOfAnotherURLUnderTodaysName(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Write(t, s, fsstore.Misses, k, "https://example.com/mine.run", storetest.AskedThen)
	before := storetest.Text(t, s, fsstore.Misses, k)
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictFull {
		t.Error(v)
	}
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, storetest.Operator); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Text(t, s, fsstore.Misses, k); got != before {
		t.Error(got)
	}
	c := storetest.ClaimNext(t, s)
	if c.URL != storetest.CudaURL {
		t.Errorf("fetching %s", c.URL)
	}
	storetest.Publish(t, c, "bytes")
	storetest.Want(t, s, fsstore.Misses, k)
	if err := s.Approve(k, "", storetest.Operator); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.URL != "https://example.com/mine.run" || c.Key == k {
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
	s := storetest.TestStore(t)
	storetest.Write(t, s, fsstore.Misses, u.OldKey(), good, storetest.AskedThen, storetest.AskedThen+" "+evil)
	storetest.NoteMiss(t, s, good, storetest.Client1)
	storetest.NoteMiss(t, s, evil, storetest.Client1)
	storetest.Want(t, s, fsstore.Misses, u.OldKey(), storetest.KeyOf(t, evil))
	if err := s.Approve(u.OldKey(), job.URLSum(good), storetest.Operator); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), "good bytes")
	if storetest.BodyOf(t, s, good) != "good bytes" || storetest.BodyOf(t, s, evil) != "not held" {
		t.Errorf("good: %s, evil: %s", storetest.BodyOf(t, s, good), storetest.BodyOf(t, s, evil))
	}
	storetest.Want(t, s, fsstore.Misses, storetest.KeyOf(t, evil))
	storetest.Sound(t, s)
}

// An earlier server kept the signature in the name of what has no extension. What
// the disk has lost of that can be fetched again, though it has another name then.
func TestARestoreOfWhatAnEarlierServerNamed(t *testing.T) {
	s := storetest.TestStore(t)
	signed := "https://example.com/model?AWSAccessKeyId=k&Expires=1&Signature=s"
	a := storetest.Hold(t, s, signed, "bytes")
	u, err := key.Parse(signed, key.Old)
	if err != nil {
		t.Fatal(err)
	}
	old := a.Meta
	old.URL, old.URLSum, old.AskedSum = key.Redact(u.String()), u.Sum(), ""
	if err := s.WriteMeta(u.OldKey(), &old); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "rm meta/"+a.Key+".json blobs/* && mv done/"+a.Key+".job done/"+u.OldKey()+".job")
	storetest.RetryLost(t, s)
	storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
	if b := storetest.BodyOf(t, s, signed); b != "bytes" {
		t.Errorf("held: %s", b)
	}
	storetest.Sound(t, s)
}
