package verbs_test

import (
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// A verb waits for whoever looks at the file at this moment, or its line would
// come after a claim that says "shell".
func TestVerbsWaitForALook(t *testing.T) {
	s := storetest.TestStore(t)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	for verb, do := range map[string]func(string, fsstore.Operator) error{"approve": storetest.ApproveOne(s), "retry": s.Retry} {
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		st, name := fsstore.Misses, storetest.KeyOf(t, storetest.CudaURL)
		if verb == "retry" {
			storetest.Run(t, s.Dir(), "mv misses/"+name+" failed/"+name+".job")
			st, name = fsstore.Failed, name+".job"
		}
		f, err := tree.OpenJob(storetest.JobPath(s, st, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Lock(f); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- do(strings.TrimSuffix(name, ".job"), by) }()
		time.Sleep(20 * time.Millisecond)
		storetest.Want(t, s, st, name)
		f.Close()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c := storetest.ClaimNext(t, s)
		if log := storetest.Text(t, s, fsstore.Active, storetest.Ls(t, s, fsstore.Active)[0]); strings.Contains(log, "shell") || !strings.Contains(log, verb+" web") {
			t.Errorf("%s: %s", verb, log)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		storetest.Run(t, s.Dir(), "rm failed/*")
	}
}
