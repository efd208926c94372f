package fsstore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore/job"
)

// shown is the URL that a page shows of a miss.
func shown(t *testing.T, s *Store, k string) string {
	t.Helper()
	j, err := s.JobFile(Misses, k)
	if err != nil {
		t.Fatal(err)
	}
	return j.Job.FetchURL()
}

// approveShown approves what a page shows.
func approveShown(t *testing.T, s *Store, k string) {
	t.Helper()
	if err := s.Approve(k, job.URLSum(shown(t, s, k)), By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
}

// approveOne approves a miss of one URL.
func approveOne(s *Store) func(string, By) error {
	return func(k string, by By) error { return s.Approve(k, "", by) }
}

// What a page shows of a miss is what its button approves, what mv approves, and
// what is fetched, in whatever order clients came with their URLs.
func TestApprovedIsWhatWasShown(t *testing.T) {
	for _, asked := range []string{"", "1", "12", "121", "1221", "12131", "111222", "122112"} {
		for _, way := range []string{"button", "mv", "add"} {
			for _, clients := range []int{1, 2} {
				s := testStore(t)
				for i, n := range "0" + asked {
					noteMiss(t, s, fmt.Sprintf("%s?AWSAccessKeyId=k&Expires=1&Signature=%c", cudaURL, n), fmt.Sprintf("10.0.0.%d", i%clients))
				}
				k := keyOf(t, cudaURL)
				want := shown(t, s, k)
				switch way {
				case "button":
					approveShown(t, s, k)
				case "mv":
					if err := os.Rename(s.job(Misses, k), s.job(Queue, k)); err != nil {
						t.Fatal(err)
					}
				case "add":
					want = cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=9"
					if _, err := s.Add(Addition{URL: want}, By{"web", "10.0.0.2"}); err != nil {
						t.Fatal(err)
					}
				}
				noteMiss(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=late", "10.0.0.9")
				c := claimNext(t, s)
				if c.URL != want {
					t.Errorf("asked 0%s by %d, %s: fetched %s, shown %s\n%s", asked, clients, way, c.URL, want, text(t, s, Active, ls(t, s, Active)[0]))
				}
				if n, _ := c.Job.Misses(); way != "mv" && n != 1+len(asked) {
					t.Errorf("asked 0%s by %d, %s: %d misses", asked, clients, way, n)
				}
			}
		}
	}
}

// The newest of a client's URLs and each of its tools are seen at once; yet a
// client that makes up new ones each time writes few lines, and all of its asking
// counts.
func TestNewURLsAreSeenAtOnce(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 1000 {
		url := fmt.Sprintf("%s?AWSAccessKeyId=k&Expires=1&Signature=%d", cudaURL, i)
		if _, err := s.Miss(url, Asker{client1, fmt.Sprintf("tool%d", i)}); err != nil {
			t.Fatal(err)
		}
		if got := shown(t, s, k); i < linesAtOnce && got != url {
			t.Fatalf("shown is %s, asked for was %s", got, url)
		}
	}
	log := text(t, s, Misses, k)
	if len(log) > youngMiss+linesAtOnce*200 || !strings.Contains(log, " tool3 ") {
		t.Errorf("%d bytes: %s", len(log), log)
	}
	want := shown(t, s, k)
	approveShown(t, s, k)
	c := claimNext(t, s)
	if n, _ := c.Job.Misses(); n != 1000 || c.URL != want {
		t.Errorf("%d misses, fetched %s, shown %s", n, c.URL, want)
	}
}

// A host writes no more lines with all addresses of its network than with one,
// and each asking counts; another network's are not held back by it.
func TestOneNetworkWritesFewLines(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 1000 {
		noteMiss(t, s, cudaURL, fmt.Sprintf("2001:db8::%x", i+1))
	}
	noteMiss(t, s, cudaURL, "2001:db8:1::1")
	log := text(t, s, Misses, k)
	if len(log) > youngMiss+linesAtOnce*200 || !strings.Contains(log, " 2001:db8:1::1 ") {
		t.Errorf("%d bytes: %s", len(log), log)
	}
	if err := s.Approve(k, "", By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if n, _ := claimNext(t, s).Job.Misses(); n != 1001 {
		t.Errorf("%d misses of 1001", n)
	}
}

// While they are few, askings are counted in the file at once, for mv and ls in
// another process; the rest is gathered, and none is lost by a button.
func TestFewAreCountedAtOnce(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 500 {
		noteMiss(t, s, cudaURL, client1)
		j, err := s.JobFile(Misses, k)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := j.Job.Misses(); i < 15 && n != i+1 {
			t.Fatalf("asked %d times, and %d are noted", i+1, n)
		}
	}
	if n := len(text(t, s, Misses, k)); n > youngMiss+200 {
		t.Errorf("%d bytes for one client", n)
	}
	if err := s.Approve(k, "", By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if n, _ := claimNext(t, s).Job.Misses(); n != 500 {
		t.Errorf("%d misses", n)
	}
}

// The URL that a person saw is approved, whoever has had others noted before or
// since; each can be chosen, and nothing is approved that was not said.
func TestEachURLCanBeChosen(t *testing.T) {
	const signed = cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	k := keyOf(t, cudaURL)
	for _, seen := range "1234" {
		s := testStore(t)
		for i, n := range "1234" {
			noteMiss(t, s, signed+string(n), fmt.Sprintf("10.0.0.%d", i))
		}
		for _, sum := range []string{"", job.URLSum(signed + "9"), "nonsense"} {
			err := s.Approve(k, sum, operator)
			if no, ok := errors.AsType[*Unseen](err); !ok || len(no.Noted) != 4 {
				t.Errorf("%q: %v", sum, err)
			}
			want(t, s, Queue)
		}
		if err := s.Approve(k, job.URLSum(signed+string(seen)), operator); err != nil {
			t.Fatal(err)
		}
		if c := claimNext(t, s); c.URL != signed+string(seen) {
			t.Errorf("%s was approved, and %s is fetched", signed+string(seen), c.URL)
		}
	}
}

// What a client has noted in the moment of the approval, after the file was read,
// is not approved.
func TestNoLineSlipsUnderAnApproval(t *testing.T) {
	const signed = cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	s := testStore(t)
	noteMiss(t, s, signed+"good", client1)
	k := keyOf(t, cudaURL)
	f, err := openJob(s.job(Misses, k))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := slurp(f, maxJobFile)
	if err != nil {
		t.Fatal(err)
	}
	noteMiss(t, s, signed+"evil", "10.0.0.66")
	if err := writeApproval(f, b, signed+"good", Addition{}, operator); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "mv misses/* queue/")
	if c := claimNext(t, s); c.URL != signed+"good" {
		t.Errorf("fetching %s", c.URL)
	}
}
