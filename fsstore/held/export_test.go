package held

import "iter"

// What the tests in this folder reach of the inside.

func (m *Meta) Encode() ([]byte, error) { return m.encode() }

func (m *Meta) Decode(b []byte) error { return m.decode(b) }

var ScanMeta = scanMeta

// EachUpTo is EachCounted where up to so many are sorted.
func (s *Cache) EachUpTo(sorted int, match func(k string) bool) iter.Seq2[Counted, error] {
	return s.eachCounted(sorted, match, func(k string) int64 { return int64(len(k)) })
}

// InMoment reports whether handles are not looking at files.
func (s *Cache) InMoment() bool { return s.changes.Now() != 0 }
