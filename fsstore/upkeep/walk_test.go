package upkeep_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/upkeep"
)

// What fsck looks at together it reports as if it had looked at one file after the other, by name.
func TestFsckReportsInOrder(t *testing.T) {
	const n = 1500 // more than are listed at once
	dir := t.TempDir() + "/data"
	storetest.Must(t, storetest.FillLarge(dir, n))
	key := func(i int) string { return storetest.MustKey(storetest.LargeURL(i)) }
	storetest.Run(t, dir, strings.NewReplacer(
		"K10", key(10), "K20", key(20), "K30", key(30), "K40", key(40), "K51", key(51), "K61", key(61), "K71", key(71),
		"B81", storetest.DigestOf("artifact 81\n"), "B91", storetest.DigestOf("artifact 91\n"),
		"GONE", storetest.DigestOf("gone"),
	).Replace(`rm meta/K10.json; echo '{' > meta/K20.json; sed -i 's/"size": [0-9]*/"size": 99/' meta/K51.json
		ln meta/K61.json ../outside; mv meta/K71.json meta/K71x.json; echo x > meta/notes.txt; echo x > meta/.half
		touch -d '3 days ago' meta/.half; rm blobs/B81; echo x > blobs/README; ln -s /etc/passwd queue/x.job
		ln done/K30.job failed/K30.job; echo x > 'failed/K40.job.why'; echo many > hits/K40; mkdir hits/x; mkdir notes
		echo hello > done/x.job; echo https://example.com/o > misses/x; : > 'denied/A B'; echo role > tokens/ci
		echo https://example.com/o > 'active/o@0123456789abcdef.job'; echo x > tmp/mine; echo x > tmp/GONE.gone
		mv blobs/B91 tmp/B91.rotten`))
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	o := fsstore.FsckOptions{Quick: true}
	want := upkeep.InOrder(upkeep.NewChecker(t.Context(), s.Keeper, o))
	got := storetest.Checked(t, s, o)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%swant\n%s", lines(got), lines(want))
	}
	if got.Artifacts != n-2 || len(got.Problems) < 20 {
		t.Errorf("%d artifacts, and %d problems:\n%s", got.Artifacts, len(got.Problems), lines(got))
	}
}

func lines(r fsstore.FsckReport) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Artifacts, r.Blobs, r.Jobs, r.Rotten)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s: %s: %s\n", p.Path, p.Text, p.Do)
	}
	return b.String()
}

// A round of the scrub checks each file once, wherever it begins.
func TestScrubChecksEachOnce(t *testing.T) {
	dir := t.TempDir() + "/data"
	storetest.Must(t, storetest.FillLarge(dir, 300))
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	for range 5 {
		c := upkeep.NewScrub(t.Context(), s.Keeper, 1<<40)
		storetest.Must(t, c.Round())
		if r := c.Report(); r.Artifacts != 300 || r.Blobs != 300 {
			t.Fatalf("%+v", r)
		}
	}
}
