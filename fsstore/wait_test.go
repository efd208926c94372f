package fsstore

import (
	"strings"
	"testing"
	"time"
)

// A verb waits for whoever looks at the file at this moment, or its line would
// come after a claim that says "shell".
func TestVerbsWaitForALook(t *testing.T) {
	s := testStore(t)
	by := By{"web", "10.0.0.2"}
	for verb, do := range map[string]func(string, By) error{"approve": approveOne(s), "retry": s.Retry} {
		noteMiss(t, s, cudaURL, client1)
		st, name := Misses, keyOf(t, cudaURL)
		if verb == "retry" {
			run(t, s.dir, "mv misses/"+name+" failed/"+name+".job")
			st, name = Failed, name+".job"
		}
		f, err := openJob(s.job(st, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := lock(f); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- do(strings.TrimSuffix(name, ".job"), by) }()
		time.Sleep(20 * time.Millisecond)
		want(t, s, st, name)
		f.Close()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c := claimNext(t, s)
		if log := text(t, s, Active, ls(t, s, Active)[0]); strings.Contains(log, "shell") || !strings.Contains(log, verb+" web") {
			t.Errorf("%s: %s", verb, log)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		run(t, s.dir, "rm failed/*")
	}
}
