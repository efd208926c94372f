package transfer_test

import (
	"strings"
	"testing"

	"fromcache/fsstore/internal/storetest"
)

// A directory that has what no export writes is not written to.
func TestExportIsToABundle(t *testing.T) {
	for _, dir := range []string{"queue", "active", "done", "denied", "misses", "tokens"} {
		s := storetest.TestStore(t)
		storetest.Must(t, s.CheckBundle())
		storetest.Run(t, s.Dir(), "touch "+dir+"/ads.example.com")
		err := s.CheckBundle()
		if err == nil || !strings.Contains(err.Error(), "use fromcache import there") ||
			!strings.Contains(err.Error(), dir+"/") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
