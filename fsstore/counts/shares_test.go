package counts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/internal/storetest"
)

// TestSharesHaveRoom: more hosts, networks and artifacts than a day's file has room for leave the
// numbers of the day as they are, and those that are not named are in Others.
func TestSharesHaveRoom(t *testing.T) {
	storetest.LongDay()
	s := storetest.TestStore(t)
	const owners = 3000
	for i := range owners {
		for _, by := range []counts.By{counts.ByHost, counts.ByNetwork, counts.ByArtifact} {
			s.StatOf(by, fmt.Sprintf("of-%d.example", i), fsstore.StatServedBytes, int64(1000+i))
		}
		s.Stat(fsstore.StatServedBytes, int64(1000+i))
	}
	storetest.Flushed(t, s.FlushStats)
	files, err := filepath.Glob(s.Dir() + "/stats/2*")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Size() > 64<<10 {
		t.Errorf("%v: the file has %d bytes, and 65536 of it are read", err, info.Size())
	}
	days, err := storetest.OpenAt(t, s.Dir(), fsstore.Options{}).Stats(1)
	if err != nil {
		t.Fatal(err)
	}
	total, named := days[0].N[fsstore.StatServedBytes], map[counts.By]int64{}
	for line, n := range days[0].N {
		if by, _, _, ok := counts.SplitShare(line); ok {
			named[by] += n
		}
	}
	for _, by := range []counts.By{counts.ByHost, counts.ByNetwork, counts.ByArtifact} {
		if want := int64(owners*1000 + owners*(owners-1)/2); total != want || named[by] != want {
			t.Errorf("%s: shares of %d bytes, the day has %d, want %d", by, named[by], total, want)
		}
		if n := days[0].N[string(by)+"/"+fmt.Sprintf("of-%d.example", owners-1)+"/"+fsstore.StatServedBytes]; n != 1000+owners-1 {
			t.Errorf("%s: the largest share has %d", by, n)
		}
		if n := days[0].N[string(by)+"/"+counts.Others+"/"+fsstore.StatServedBytes]; n == 0 {
			t.Errorf("%s: others have nothing", by)
		}
	}
}
