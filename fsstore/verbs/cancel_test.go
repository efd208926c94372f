package verbs_test

import (
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"strings"
	"testing"
)

func TestCancelInTheQueueKeepsHistory(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 3 {
		if err := s.Cancel(storetest.Add(t, s, storetest.CudaURL), fsstore.Operator{Via: "cli", Addr: fmt.Sprint("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, by := range map[string]string{".2.job": "x0", ".3.job": "x1", ".job": "x2"} { // the newest has the name
		if got := storetest.Text(t, s, fsstore.Cancelled, k+name); !strings.Contains(got, " cancelled cli "+by+"\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
