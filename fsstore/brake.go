package fsstore

import (
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
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
func (s *Store) brake(unwanted []string, all int) error {
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
func (s *Store) hasReplaced(k, d string) bool {
	h, ok := s.lastHeld(k)
	return ok && h.done.Sha256 != d
}

func (s *Store) tooMany(blobs []string, all int, total int64) bool {
	return len(blobs) > brakeFrom && (len(blobs) > all/tenth || s.bytesOf(blobs) > total/tenth)
}

func (s *Store) bytesIn(dir string) (sum int64, err error) {
	err = s.eachNames(dir, func(names []string) error {
		sum += s.bytesOf(names)
		return nil
	})
	return sum, err
}

func (s *Store) bytesOf(blobs []string) (sum int64) {
	var st unix.Stat_t
	for _, d := range blobs {
		if unix.Lstat(s.path("blobs", d), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			sum += st.Size
		}
	}
	return sum
}

// meant is every digest that somebody has wanted gone: an evict has left its
// line, or another version has taken its place, as a meta or a job in done/ says.
func (s *Store) meant() (digests, error) {
	meant := digests{}
	err := s.eachHistory(func(k string, newest bool, h *holding) {
		for _, d := range h.earlier {
			meant.add(d)
		}
		if h.evicted || !newest && s.hasReplaced(k, h.done.Sha256) {
			meant.add(h.done.Sha256)
		}
	})
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 16<<10)
	return meant, s.eachNames("meta", func(names []string) error {
		for _, name := range names {
			var m Meta
			b, err := s.readMeta(name, buf)
			if err != nil || json.Unmarshal(b, &m) != nil {
				continue // it vouches for nothing
			}
			for _, v := range m.History {
				meant.add(v.SHA256)
			}
		}
		return nil
	})
}
