package verbs_test

import (
	"errors"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"io/fs"
	"strings"
	"testing"
)

func TestDenied(t *testing.T) {
	s := storetest.TestStore(t)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	k := storetest.KeyOf(t, storetest.CudaURL)
	if err := s.Deny(k, by); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example.com", "*.example.org"} {
		if err := s.Deny(name, by); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string]fsstore.Verdict{
		storetest.CudaURL:               fsstore.VerdictDenied,
		"https://one.example.com:8443/": fsstore.VerdictDenied,
		"https://two.example.com/":      fsstore.VerdictNoted,
		"https://a.b.example.org/x":     fsstore.VerdictDenied,
		"https://example.org/x":         fsstore.VerdictNoted,
	} {
		if v := storetest.NoteMiss(t, s, url, storetest.Client1); v != want {
			t.Errorf("%s: %s, want %s", url, v, want)
		}
	}
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, by); !errors.Is(err, fsstore.ErrDenied) {
		t.Errorf("add of what is denied: %v", err)
	}
	storetest.Run(t, s.Dir(), "mv denied/"+k+" denied/"+k+".job") // as mv queue/k.job denied/ leaves it
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
		t.Errorf("denied/k.job: %s", v)
	}
	storetest.Run(t, s.Dir(), "mv denied/"+k+".job queue/")
	if c := storetest.ClaimNext(t, s); c.Key != k {
		t.Errorf("claimed %s", c.Key)
	}
	for _, bad := range []string{"../x", "-x", "", ".hidden", "a b", "http://x"} {
		if err := s.Deny(bad, by); err == nil {
			t.Errorf("denied %q", bad)
		}
	}
}

// A denial that mv queue/KEY.job denied/ has made is taken back by the key, as others are.
func TestAllowOfAJobThatWasMovedToDenied(t *testing.T) {
	s, by := storetest.TestStore(t), fsstore.Operator{Via: "cli", Addr: "test"}
	k := storetest.KeyOf(t, storetest.CudaURL)
	_, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, by)
	storetest.Must(t, err)
	storetest.Run(t, s.Dir(), "mv queue/"+k+".job denied/")
	storetest.Must(t, s.Allow(k, by))
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v == fsstore.VerdictDenied {
		t.Error("it is denied still")
	}
	if err := s.Allow(k, by); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing denies it any more: %v", err)
	}
}

// What a number or a person's own name hides is denied by its key; of a file of
// many URLs there is no one key.
func TestDenyOfAFileThatIsNotNamedByItsKey(t *testing.T) {
	by := fsstore.Operator{Via: "cli", Addr: "test"}
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, name := range []string{"failed/" + k + ".2.job", "cancelled/" + k + ".17.job", "queue/cuda.job"} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "echo '"+storetest.CudaURL+"' > '"+name+"'")
		if err := s.Deny(tree.Base(name), by); err != nil {
			t.Fatal(err)
		}
		storetest.Want(t, s, fsstore.Denied, k)
		if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, by); !errors.Is(err, fsstore.ErrDenied) {
			t.Errorf("%s is denied, and added: %v", name, err)
		}
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
			t.Errorf("%s is denied, and asked for: %s", name, v)
		}
	}
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo '"+storetest.CudaURL+"' > denied/"+k+".2.job") // by hand
	if j, err := s.JobFile(fsstore.Denied, k+".2.job"); err != nil || !strings.Contains(j.Note, "denies nothing") {
		t.Errorf("the note: %q, %v", j.Note, err)
	}
	storetest.Run(t, s.Dir(), "printf 'https://example.com/%s.run\n' a b > queue/list.job; echo '# none' > failed/empty.job")
	for _, name := range []string{"list.job", "list", "empty.job"} {
		if err := s.Deny(name, by); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	storetest.Want(t, s, fsstore.Queue, "list.job")
	storetest.Want(t, s, fsstore.Failed, "empty.job")
}

// A host is denied, though a person has named a list after it.
func TestDenyOfAHostThatAListIsNamedAfter(t *testing.T) {
	const host = "vendor.example.com"
	for _, at := range []string{"queue", "failed", "cancelled"} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "printf 'https://other.example.com/%s.run\n' a b > "+at+"/"+host+".job")
		if err := s.Deny(host, fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		storetest.Want(t, s, fsstore.Denied, host)
		storetest.Want(t, s, fsstore.State(at), host+".job")
	}
}
