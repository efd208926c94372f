package misses_test

import (
	"fmt"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/misses"
)

// The newest of a client's URLs and each of its tools are seen at once; yet a
// client that makes up new ones each time writes few lines, and all of its asking
// counts.
func TestNewURLsAreSeenAtOnce(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 1000 {
		url := fmt.Sprintf("%s?AWSAccessKeyId=k&Expires=1&Signature=%d", storetest.CudaURL, i)
		if _, err := s.NoteMiss(url, fsstore.Asker{Addr: storetest.Client1, UserAgent: fmt.Sprintf("tool%d", i)}); err != nil {
			t.Fatal(err)
		}
		if got := storetest.Shown(t, s, k); i < misses.LinesAtOnce && got != url {
			t.Fatalf("shown is %s, asked for was %s", got, url)
		}
	}
	log := storetest.Text(t, s, fsstore.Misses, k)
	if len(log) > misses.YoungMiss+misses.LinesAtOnce*200 || !strings.Contains(log, " tool3 ") {
		t.Errorf("%d bytes: %s", len(log), log)
	}
	want := storetest.Shown(t, s, k)
	storetest.ApproveShown(t, s, k)
	c := storetest.ClaimNext(t, s)
	if n, _ := c.Job.Misses(); n != 1000 || c.URL != want {
		t.Errorf("%d misses, fetched %s, shown %s", n, c.URL, want)
	}
}

// A host writes no more lines with all addresses of its network than with one,
// and each asking counts; another network's are not held back by it.
func TestOneNetworkWritesFewLines(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 1000 {
		storetest.NoteMiss(t, s, storetest.CudaURL, fmt.Sprintf("2001:db8::%x", i+1))
	}
	storetest.NoteMiss(t, s, storetest.CudaURL, "2001:db8:1::1")
	log := storetest.Text(t, s, fsstore.Misses, k)
	if len(log) > misses.YoungMiss+misses.LinesAtOnce*200 || !strings.Contains(log, " 2001:db8:1::1 ") {
		t.Errorf("%d bytes: %s", len(log), log)
	}
	if err := s.Approve(k, "", fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if n, _ := storetest.ClaimNext(t, s).Job.Misses(); n != 1001 {
		t.Errorf("%d misses of 1001", n)
	}
}

// While they are few, askings are counted in the file at once, for mv and ls in
// another process; the rest is gathered, and none is lost by a button.
func TestFewAreCountedAtOnce(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 500 {
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		j, err := s.JobFile(fsstore.Misses, k)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := j.Job.Misses(); i < 15 && n != i+1 {
			t.Fatalf("asked %d times, and %d are noted", i+1, n)
		}
	}
	if n := len(storetest.Text(t, s, fsstore.Misses, k)); n > misses.YoungMiss+200 {
		t.Errorf("%d bytes for one client", n)
	}
	if err := s.Approve(k, "", fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if n, _ := storetest.ClaimNext(t, s).Job.Misses(); n != 500 {
		t.Errorf("%d misses", n)
	}
}
