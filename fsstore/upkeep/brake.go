package upkeep

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
)

// Brake is why a collection took nothing: so many blobs would go that nothing
// names, and that nobody is known to have wanted gone, that meta/ has most likely
// lost files. It lasts until meta/ names them again, or a collection is forced.
type Brake struct {
	Blobs, Of      int
	Bytes, OfBytes int64
}

func (b *Brake) Error() string {
	return fmt.Sprintf("gc takes nothing: no meta names %d of %d blobs (%d of %d bytes), and no verb has evicted them. "+
		"If meta/ has lost files, put them back, or have `fromcache fsck --repair` write them anew; if the blobs are meant to go, `fromcache gc --force` takes them",
		b.Blobs, b.Of, b.Bytes, b.OfBytes)
}

const manyUnnamed = "no meta names many of the blobs, so many that gc takes none, and frees no space: put what is missing of meta/ back, or run fromcache fsck --repair, which writes it anew; if they are meant to go, run fromcache gc --force"

// brakeFrom is how many blobs go at once in any case, and tenth is how large a
// part of all.
const (
	brakeFrom = 10
	tenth     = 10
)

// brake returns a *Brake where too much of all would go at once. What is in tmp/
// already has been through this, and can be had back for a day. Only where there
// is much to take does it read more than names.
func (s *Keeper) brake(unwanted []string, all int) error {
	if len(unwanted) <= brakeFrom {
		return nil
	}
	total, err := s.bytesIn("blobs")
	if err != nil || !s.tooMany(unwanted, all, total) {
		return err
	}
	meant, err := s.meant()
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

func (s *Keeper) tooMany(blobs []string, all int, total int64) bool {
	return len(blobs) > brakeFrom && (len(blobs) > all/tenth || s.bytesOf(blobs) > total/tenth)
}

func (s *Keeper) bytesIn(dir string) (sum int64, err error) {
	err = s.tree.EachNames(dir, func(names []string) error {
		sum += s.bytesOf(names)
		return nil
	})
	return sum, err
}

func (s *Keeper) bytesOf(blobs []string) (sum int64) {
	var st unix.Stat_t
	for _, d := range blobs {
		if unix.Lstat(s.tree.Path("blobs", d), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			sum += st.Size
		}
	}
	return sum
}

// meant is every digest that somebody has wanted gone: an evict has left its
// line, or another version has taken its place, as a meta or a job in done/ says.
func (s *Keeper) meant() (digests, error) {
	meant := digests{}
	err := s.held.EachRecord(func(k string, newest bool, h *held.Record) {
		for _, d := range h.Earlier {
			meant.add(d) //guard:TestTheBrakeKnowsEarlierVersions
		}
		if h.Evicted || //guard:TestTheBrakeKnowsWhatWasMeant
			!newest && s.hasReplaced(k, h.Done.Sha256) {
			meant.add(h.Done.Sha256)
		}
	})
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 16<<10)
	return meant, s.tree.EachNames("meta", func(names []string) error {
		for _, name := range names {
			var m held.Meta
			b, err := s.held.ReadMeta(name, buf)
			if err != nil || json.Unmarshal(b, &m) != nil {
				continue // it vouches for nothing
			}
			for _, v := range m.History {
				meant.add(v.SHA256) //guard:TestTheBrakeKnowsWhatWasMeant
			}
		}
		return nil
	})
}

// brakeLook is how soon a collection is tried again that was held back, where it
// takes no time: it takes a fiftieth of it at most.
const brakeLook = 10 * time.Second

// BrakeIsDue reports whether it is time to look again whether a collection that was held back is
// still to be.
func (s *Keeper) BrakeIsDue() bool {
	return !s.braked.IsZero() && time.Now().After(s.braked)
}

// Collect is GC for a server: Health tells what holds it back, and the log what it did.
func (s *Keeper) Collect() {
	began := time.Now()
	report, err := s.GC(GCOptions{})
	_, held := errors.AsType[*Brake](err)
	switch {
	case held:
		s.braked = time.Now().Add(max(brakeLook, 50*time.Since(began)))
		s.health.SetTrouble("gc", manyUnnamed, err)
	case err != nil:
		s.health.Complain("gc", err)
	default:
		s.braked = time.Time{}
		s.health.SetTrouble("gc", "", nil)
	}
	debug.FreeOSMemory() // it has read every meta
	if n := len(report.Gone) + len(report.Unlinked); n > 0 {
		s.tree.Log.Info("gc", "gone", len(report.Gone), "unlinked", len(report.Unlinked), "bytes", report.Bytes)
	}
}
