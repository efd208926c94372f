package transfer_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/key"
)

const vendorURL = "https://vendor.example.com/tool.bin"

// importAll imports the data directory of one store into another, and returns what failed.
func importAll(t *testing.T, from, to *fsstore.Store) (taken int, failed []error) {
	t.Helper()
	source, err := fsstore.OpenSource(from.Dir(), key.Auto)
	storetest.Must(t, err)
	for in, err := range source.Artifacts() {
		var o fsstore.Outcome
		if err == nil {
			o, err = to.Import(t.Context(), in, fsstore.Operator{Via: "cli", Addr: "test"}, func(int64) {})
		}
		if err != nil {
			failed = append(failed, err)
		} else if o == fsstore.Taken {
			taken++
		}
	}
	return taken, failed
}

// forge changes the text of the one meta of a store.
func forge(t *testing.T, s *fsstore.Store, from, to string) {
	t.Helper()
	path := storetest.Path(s, "meta", storetest.Ls(t, s, "meta")[0])
	b, err := os.ReadFile(path)
	storetest.Must(t, err)
	text := strings.ReplaceAll(string(b), from, to)
	if text == string(b) {
		t.Fatalf("%s has no %s", path, from)
	}
	storetest.Must(t, os.WriteFile(path, []byte(text), 0o660))
}

// A meta that shows one URL and has the sums of another is held for neither.
func TestAForgedURLIsNotHeld(t *testing.T) {
	from, to := storetest.TestStore(t), storetest.TestStore(t)
	storetest.Hold(t, from, vendorURL, "evil")
	forge(t, from, "vendor.example.com", "harmless.example.com")
	storetest.Run(t, from.Dir(), "rm done/*")
	taken, failed := importAll(t, from, to)
	if taken != 0 || len(failed) != 1 || !strings.Contains(failed[0].Error(), "of another host") {
		t.Errorf("%d taken, %v", taken, failed)
	}
	storetest.Want(t, to, "meta")
	storetest.Sound(t, to)
}

// A digest that is a path, a key that is one, and a link in the place of a blob lead nowhere.
func TestPathsInAForgedSource(t *testing.T) {
	from, to := storetest.TestStore(t), storetest.TestStore(t)
	a := storetest.Hold(t, from, vendorURL, "good")
	storetest.Run(t, from.Dir(), "cd blobs; rm -f "+a.SHA256+"; ln -s /etc/hostname "+a.SHA256+
		"; cp ../meta/*.json '../meta/q%2f..json'; cd ../meta; sed s,"+a.SHA256+",../../etc/passwd, *tool* > x.json")
	taken, failed := importAll(t, from, to)
	if taken != 0 || len(failed) != 3 {
		t.Errorf("%d taken, %v", taken, failed)
	}
	storetest.Want(t, to, "meta")
	storetest.Want(t, to, "tmp")
	storetest.Sound(t, to)
}

// What a meta from elsewhere says comes redacted, on one line, and from the past.
func TestAForgedMetaIsCleaned(t *testing.T) {
	from, to := storetest.TestStore(t), storetest.TestStore(t)
	storetest.Hold(t, from, vendorURL, "good")
	forge(t, from, `"fetched_at": "`, `"notes": ["see https://x.example/?X-Amz-Signature=canary\n\u001b[31m"], `+
		`"headers": {"Content-Type": "a/b\r\nSet-Cookie: x=y", "X\nY": "z"}, "fetched_at": "3`)
	forge(t, from, `"fetched_at": "32`, `"fetched_at": "9`)
	if taken, failed := importAll(t, from, to); taken != 1 || failed != nil {
		t.Fatalf("%d taken, %v", taken, failed)
	}
	a, err := to.Lookup(vendorURL)
	storetest.Must(t, err)
	if a.Fetched.After(time.Now()) {
		t.Errorf("it was fetched at %v", a.Fetched)
	}
	for _, s := range append(a.Notes, a.Header["Content-Type"]) {
		if strings.Contains(s, "canary") || strings.ContainsAny(s, "\r\n\x1b") || s == "" {
			t.Errorf("%q came along", s)
		}
	}
	if len(a.Header) != 1 {
		t.Errorf("%q", a.Header)
	}
	storetest.Sound(t, to)
}

// A URL that is redacted is held for whoever asks for it, and its miss here tells what it is.
func TestARedactedURLIsImported(t *testing.T) {
	const private = vendorURL + "?token=abcdefgh12345678"
	for _, asked := range []bool{false, true} {
		from, to := storetest.TestStore(t), storetest.TestStore(t)
		storetest.Hold(t, from, private, "good")
		storetest.Run(t, from.Dir(), "rm done/*; ! grep -r abcdefgh .")
		if asked {
			storetest.NoteMiss(t, to, private, "192.0.2.1")
		}
		if taken, failed := importAll(t, from, to); taken != 1 || failed != nil {
			t.Fatalf("%d taken, %v", taken, failed)
		}
		if _, err := to.Lookup(private); err != nil {
			t.Error(err)
		}
		if _, err := to.Lookup(vendorURL); err == nil {
			t.Error("it is held for another URL, too")
		}
		storetest.Want(t, to, fsstore.Misses)
		if n := len(storetest.Ls(t, to, fsstore.Done)); (n == 1) != asked {
			t.Errorf("%d jobs", n)
		}
		storetest.Sound(t, to)
		if taken, failed := importAll(t, from, to); taken != 0 || failed != nil {
			t.Errorf("again: %d taken, %v", taken, failed)
		}
	}
}

// A denial stands above an import, and so does the digest that a miss asks for.
func TestImportObeysOperators(t *testing.T) {
	from, to := storetest.TestStore(t), storetest.TestStore(t)
	storetest.Hold(t, from, vendorURL, "good")
	storetest.NoteMiss(t, to, vendorURL, "192.0.2.1")
	storetest.Run(t, to.Dir(), "for m in misses/*; do echo sha256 "+storetest.DigestOf("other")+" >> $m; done")
	_, failed := importAll(t, from, to)
	if wrong := new(fsstore.WrongDigest); len(failed) != 1 || !errors.As(failed[0], &wrong) {
		t.Errorf("%v", failed)
	}
	storetest.Run(t, to.Dir(), "rm misses/*; touch 'denied/*.example.com'")
	if _, failed := importAll(t, from, to); len(failed) != 1 || !errors.Is(failed[0], fsstore.ErrDenied) {
		t.Errorf("%v", failed)
	}
	storetest.Want(t, to, "meta")
	storetest.Sound(t, to)
}

// What is put or imported while the bytes are copied is newer and stays; the same bytes leave one
// job.
func TestAnImportComparesWithWhatCameMeanwhile(t *testing.T) {
	const private = vendorURL + "?token=abcdefgh12345678"
	for _, url := range []string{vendorURL, private} {
		for _, came := range []string{"newer", "good"} {
			from, to := storetest.TestStore(t), storetest.TestStore(t)
			a := storetest.Hold(t, from, url, "good")
			if url == private {
				storetest.Run(t, from.Dir(), "rm done/*") // the whole URL
			}
			source, err := fsstore.OpenSource(from.Dir(), key.Auto)
			storetest.Must(t, err)
			in, err := source.Artifact(a.Key)
			storetest.Must(t, err)
			open := in.Open
			in.Open = func() (*os.File, error) {
				_, err := storetest.Put(to, fsstore.Addition{URL: url}, came)
				storetest.Must(t, err)
				return open()
			}
			o, err := to.Import(t.Context(), in, storetest.Operator, func(int64) {})
			if want := map[string]fsstore.Outcome{"newer": fsstore.NewerHeld, "good": fsstore.SameHeld}[came]; o != want || err != nil {
				t.Errorf("%s: outcome %v, %v", url, o, err)
			}
			if got := storetest.Served(t, to, url); got != came {
				t.Errorf("%s: served %q", url, got)
			}
			if jobs := storetest.Ls(t, to, fsstore.Done); len(jobs) != 1 {
				t.Errorf("%s: %q", url, jobs)
			}
			storetest.Sound(t, to)
		}
	}
}

// TestHugeCountsAreCapped: neither a sum of misses nor one of hits overflows.
func TestHugeCountsAreCapped(t *testing.T) {
	const huge = "9223372036854775807"
	from, to := storetest.TestStore(t), storetest.TestStore(t)
	a := storetest.Hold(t, from, vendorURL, "good")
	forge(t, from, `"misses": 0`, `"misses": `+huge)
	storetest.Run(t, from.Dir(), "echo "+huge+" > hits/"+a.Key)
	storetest.NoteMiss(t, to, vendorURL, "192.0.2.1")
	if taken, failed := importAll(t, from, to); taken != 1 || failed != nil {
		t.Fatalf("%d taken, %v", taken, failed)
	}
	for range 2 {
		got, err := to.Lookup(vendorURL)
		storetest.Must(t, err)
		if got.Misses < counts.MostCarried || !got.AtLeast {
			t.Errorf("%d misses, at least: %v", got.Misses, got.AtLeast)
		}
		to.Hit(a.Key)
		if hits := to.Hits(a.Key); hits < counts.MostCarried || hits > counts.MostCarried+2 {
			t.Errorf("%d hits", hits)
		}
		_, err = storetest.Put(to, fsstore.Addition{URL: vendorURL}, "newer")
		storetest.Must(t, err)
	}
	storetest.Sound(t, to)
}

// TestAListLineThatIsTooLong: the error says which line it is, and what is wrong with it.
func TestAListLineThatIsTooLong(t *testing.T) {
	list := "- tool.bin " + vendorURL + "\n# " + strings.Repeat("x", 100_000) + "\n- tool.bin " + vendorURL + "\n"
	files, flaws := fsstore.ReadList(strings.NewReader(list))
	if len(files) != 1 || len(flaws) != 1 || !strings.HasPrefix(flaws[0].Error(), "line 2 is longer than 32 KiB") {
		t.Errorf("%v, %v", files, flaws)
	}
}
