package verbs_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/verbs"
)

// What a page shows of a miss is what its button approves, what mv approves, and
// what is fetched, in whatever order clients came with their URLs.
func TestApprovedIsWhatWasShown(t *testing.T) {
	for _, asked := range []string{"", "1", "12", "121", "1221", "12131", "111222", "122112"} {
		for _, way := range []string{"button", "mv", "add"} {
			for _, clients := range []int{1, 2} {
				s := storetest.TestStore(t)
				for i, n := range "0" + asked {
					storetest.NoteMiss(t, s, fmt.Sprintf("%s?AWSAccessKeyId=k&Expires=1&Signature=%c", storetest.CudaURL, n), fmt.Sprintf("10.0.0.%d", i%clients))
				}
				k := storetest.KeyOf(t, storetest.CudaURL)
				want := storetest.Shown(t, s, k)
				switch way {
				case "button":
					storetest.ApproveShown(t, s, k)
				case "mv":
					if err := os.Rename(storetest.JobPath(s, fsstore.Misses, k), storetest.JobPath(s, fsstore.Queue, k)); err != nil {
						t.Fatal(err)
					}
				case "add":
					want = storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=9"
					if _, err := s.Add(fsstore.Addition{URL: want}, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
						t.Fatal(err)
					}
				}
				storetest.NoteMiss(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=late", "10.0.0.9")
				c := storetest.ClaimNext(t, s)
				if c.URL != want {
					t.Errorf("asked 0%s by %d, %s: fetched %s, shown %s\n%s", asked, clients, way, c.URL, want, storetest.Text(t, s, fsstore.Active, storetest.Ls(t, s, fsstore.Active)[0]))
				}
				if n, _ := c.Job.Misses(); way != "mv" && n != 1+len(asked) {
					t.Errorf("asked 0%s by %d, %s: %d misses", asked, clients, way, n)
				}
			}
		}
	}
}

// The URL that a person saw is approved, whoever has had others noted before or
// since; each can be chosen, and nothing is approved that was not said.
func TestEachURLCanBeChosen(t *testing.T) {
	const signed = storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, seen := range "1234" {
		s := storetest.TestStore(t)
		for i, n := range "1234" {
			storetest.NoteMiss(t, s, signed+string(n), fmt.Sprintf("10.0.0.%d", i))
		}
		for _, sum := range []string{"", job.URLSum(signed + "9"), "nonsense"} {
			err := s.Approve(k, sum, storetest.Operator)
			if no, ok := errors.AsType[*fsstore.UnseenError](err); !ok || len(no.Noted) != 4 {
				t.Errorf("%q: %v", sum, err)
			}
			storetest.Want(t, s, fsstore.Queue)
		}
		if err := s.Approve(k, job.URLSum(signed+string(seen)), storetest.Operator); err != nil {
			t.Fatal(err)
		}
		if c := storetest.ClaimNext(t, s); c.URL != signed+string(seen) {
			t.Errorf("%s was approved, and %s is fetched", signed+string(seen), c.URL)
		}
	}
}

// What a client has noted in the moment of the approval, after the file was read,
// is not approved.
func TestNoLineSlipsUnderAnApproval(t *testing.T) {
	const signed = storetest.CudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	s := storetest.TestStore(t)
	storetest.NoteMiss(t, s, signed+"good", storetest.Client1)
	k := storetest.KeyOf(t, storetest.CudaURL)
	f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Misses, k))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		t.Fatal(err)
	}
	storetest.NoteMiss(t, s, signed+"evil", "10.0.0.66")
	if err := verbs.WriteApproval(f, b, signed+"good", fsstore.Addition{}, storetest.Operator); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "mv misses/* queue/")
	if c := storetest.ClaimNext(t, s); c.URL != signed+"good" {
		t.Errorf("fetching %s", c.URL)
	}
}
