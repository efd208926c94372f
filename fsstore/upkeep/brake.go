package upkeep

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
)

// Brake is the error of a collection that took nothing, because so many blobs without a meta, an
// evict or a newer version most likely mean that meta/ has lost files. It lasts until meta/ names
// the blobs again, or a collection is forced.
type Brake struct {
	Blobs, Of      int
	Bytes, OfBytes int64
}

func (b *Brake) Error() string {
	return fmt.Sprintf("gc takes nothing: no meta names %d of %d blobs (%d of %d bytes), "+
		"and no verb has evicted them. If meta/ has lost files, put them back, or have "+
		"`fromcache fsck --repair` write them anew; if the blobs are meant to go, "+
		"`fromcache gc --force` takes them",
		b.Blobs, b.Of, b.Bytes, b.OfBytes)
}

const brakeTrouble = "no meta names many of the blobs, so many that gc takes none, " +
	"and frees no space: put what is missing of meta/ back, or run fromcache fsck --repair, " +
	"which writes it anew; if they are meant to go, run fromcache gc --force"

// A collection may always take brakeFrom blobs, and a tenth of all blobs and of all bytes.
const (
	brakeFrom = 10
	tenth     = 10
)

// checkBrake returns a *Brake if too many of all blobs would go at once. It does not look at tmp/,
// because what is there has passed it before and can be restored for a day. It reads more than
// names only if there are more than brakeFrom, and the metas again only if it is about to hold them,
// because that takes long.
func (s *Keeper) checkBrake(unwanted []string, all int, wanted digests, atOnce int) error {
	if len(unwanted) <= brakeFrom {
		return nil
	}
	total := s.bytesOf(unwanted) + s.bytesOfSet(wanted, atOnce)
	if !s.tooMany(unwanted, all, total) {
		return nil
	}
	meant, err := s.discarded(atOnce)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(unwanted), meant.has)
	if !s.tooMany(left, all, total) {
		return nil
	}
	return &Brake{Blobs: len(left), Of: all, Bytes: s.bytesOf(left), OfBytes: total}
}

// hasReplaced reports whether the newest job of key k in done/ fetched another digest than d.
func (s *Keeper) hasReplaced(k, d string) bool {
	h, err := s.held.LastRecord(k)
	return err == nil && h.Done.Sha256 != d
}

// tooMany reports whether these are more of all blobs, or of their total bytes, than may go at
// once.
func (s *Keeper) tooMany(blobs []string, all int, total int64) bool {
	return len(blobs) > brakeFrom && (len(blobs) > all/tenth || s.bytesOf(blobs) > total/tenth)
}

func (s *Keeper) bytesOfBlobs() (sum int64, err error) {
	err = s.tree.EachNames("blobs", func(names []string) error {
		sum += s.bytesOf(names)
		return nil
	})
	return sum, err
}

func (s *Keeper) bytesOf(blobs []string) (sum int64) {
	for _, d := range blobs {
		sum += s.sizeOf(d)
	}
	return sum
}

// bytesOfSet is bytesOf of those that are there. It looks at atOnce of them at the same time.
func (s *Keeper) bytesOfSet(blobs digests, atOnce int) (sum int64) {
	some := make([]string, 0, 1024)
	add := func() {
		for _, size := range tree.LoadAll(atOnce, some, s.sizeOf) {
			sum += size
		}
		some = some[:0]
	}
	for d := range blobs {
		if some = append(some, held.SumHex(d)); len(some) == cap(some) {
			add()
		}
	}
	add()
	return sum
}

// sizeOf returns the size of a blob, 0 where there is none.
func (s *Keeper) sizeOf(d string) int64 {
	var st unix.Stat_t
	if unix.Lstat(s.tree.Path("blobs", d), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0
	}
	return st.Size
}

// discarded returns every digest that is known to be unwanted: a job in done/ has the line of an
// evict, or a meta or a job in done/ names a newer version.
func (s *Keeper) discarded(atOnce int) (digests, error) {
	meant := digests{}
	var mu sync.Mutex
	err := s.held.EachRecord(atOnce, func(k string, newest bool, h *held.Record) {
		old := h.Evicted || //guard:TestTheBrakeKnowsWhatWasMeant
			!newest && s.hasReplaced(k, h.Done.Sha256)
		mu.Lock()
		defer mu.Unlock()
		for _, d := range h.Earlier {
			meant.add(d) //guard:TestTheBrakeKnowsEarlierVersions
		}
		if old {
			meant.add(h.Done.Sha256)
		}
	})
	if err != nil {
		return nil, err
	}
	readers, err := s.held.NewReaders(atOnce)
	if err != nil {
		return nil, err
	}
	defer readers.Close()
	return meant, s.tree.EachNames("meta", func(names []string) error {
		for _, history := range tree.LoadWith(readers, names, historyIn) {
			for _, v := range history {
				meant.add(v.SHA256) //guard:TestTheBrakeKnowsWhatWasMeant
			}
		}
		return nil
	})
}

// historyIn returns the earlier versions that meta/<name> names.
func historyIn(r *held.Reader, name string) []held.Version {
	a, err := r.Artifact(name)
	if err != nil {
		return nil // it names none
	}
	return a.History
}

// brakePause is how long Run waits at least before it tries a collection again that was held back.
// It waits 50 times as long as the collection took, because each reads every meta.
const brakePause = 10 * time.Second

// BrakeIsDue reports whether it is time to try a collection again that was held back.
func (s *Keeper) BrakeIsDue() bool {
	return !s.brakeDue.IsZero() && time.Now().After(s.brakeDue)
}

// Collect is GC for a server: Health tells what holds it back, and the log what it did.
func (s *Keeper) Collect() {
	began := time.Now()
	report, err := s.GC(GCOptions{atOnce: s.tree.AtOnceBeside()})
	_, held := errors.AsType[*Brake](err)
	switch {
	case held:
		s.brakeDue = time.Now().Add(max(brakePause, 50*time.Since(began)))
		s.health.SetTrouble("gc", brakeTrouble, err)
	case err != nil:
		s.health.Complain("gc", err)
	default:
		s.brakeDue = time.Time{}
		s.health.SetTrouble("gc", "", nil)
	}
	debug.FreeOSMemory() // it has read every meta
	if n := len(report.Gone) + len(report.Unlinked); n > 0 {
		s.tree.Log.Info("gc", "gone", len(report.Gone), "unlinked", len(report.Unlinked),
			"bytes", report.Bytes)
	}
}
