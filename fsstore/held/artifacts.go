package held

import (
	"errors"
	"io/fs"
	"iter"
	"slices"
	"sort"
	"strings"

	"fromcache/fsstore/internal/tree"
)

// Artifacts yields every artifact, in no order. For a meta that is malformed or can't be read it
// yields an Artifact that has only its Key, and the error. It holds about a thousand at once.
func (s *Cache) Artifacts() iter.Seq2[*Artifact, error] {
	return func(yield func(*Artifact, error) bool) {
		noHits := func(string) int64 { return 0 }
		for m, err := range s.eachCounted(0, nil, noHits) {
			if !yield(m.Artifact, err) {
				return
			}
		}
	}
}

// errStop ends a walk early.
var errStop = errors.New("stop")

// Counted is an artifact and how often it was served.
type Counted struct {
	*Artifact
	Hits int64
}

// SortedKeys is up to how many artifacts EachCounted sorts. Their keys take some 10 MiB.
const SortedKeys = 100_000

// EachCounted yields the artifacts whose keys match, with what hits returns for each, by key; more
// than SortedKeys in no order, and as they are read. match may be nil. Errors are those of Artifacts.
func (s *Cache) EachCounted(match func(k string) bool, hits func(k string) int64) iter.Seq2[Counted, error] {
	return s.eachCounted(SortedKeys, match, hits)
}

func (s *Cache) eachCounted(
	sorted int, match func(k string) bool, hits func(k string) int64,
) iter.Seq2[Counted, error] {
	return func(yield func(Counted, error) bool) {
		readers, err := s.NewReaders(s.tree.AtOnce())
		if err != nil {
			yield(Counted{}, err)
			return
		}
		defer readers.Close()
		err = s.eachKeys(sorted, match, func(keys []string) error {
			load := func(r *Reader, k string) counted { return r.counted(k, hits) }
			for _, m := range tree.LoadWith(readers, keys, load) {
				if (m.Artifact != nil || m.err != nil) && !yield(m.Counted, m.err) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(Counted{}, err)
		}
	}
}

// eachKeys calls do with the keys that match, up to keysAtOnce at a time, by key; with more than
// sorted of them in no order.
func (s *Cache) eachKeys(sorted int, match func(k string) bool, do func(keys []string) error) error {
	doAll := func(keys []string) error {
		for some := range slices.Chunk(keys, keysAtOnce) {
			if err := do(some); err != nil {
				return err
			}
		}
		return nil
	}
	var first []string
	isMany := sorted == 0
	err := s.tree.EachNames("meta", func(names []string) error {
		keys := keysOf(names, match)
		if isMany {
			return doAll(keys)
		}
		if first = append(first, keys...); len(first) <= sorted {
			return nil
		}
		keys, first, isMany = first, nil, true
		return doAll(keys)
	})
	if err != nil {
		return err
	}
	sort.Strings(first)
	return doAll(first)
}

// keysAtOnce bounds how many artifacts are in memory at once, of about 2 KiB each.
const keysAtOnce = 1024

type counted struct {
	Counted
	err error
}

func (r *Reader) counted(k string, hits func(k string) int64) (m counted) {
	if m.Artifact, m.err = r.Listed(k + ".json"); m.err == nil && m.Artifact != nil {
		m.Hits = hits(k)
	}
	return m
}

// keysOf returns the keys of the metas among names that match, in the same slice.
func keysOf(names []string, match func(k string) bool) []string {
	keys := names[:0]
	for _, name := range names {
		if k, ok := strings.CutSuffix(name, ".json"); ok && (match == nil || match(k)) {
			keys = append(keys, k)
		}
	}
	return keys
}

// ReadListed reads a name from a listing of meta/. It returns neither artifact nor error if the
// file is gone by now, or is no meta.
func (s *Cache) ReadListed(name string) (*Artifact, error) {
	if !IsMetaName(name) {
		return nil, nil
	}
	a, err := s.ReadArtifact(name)
	return listed(name, a, err)
}

func listed(name string, a *Artifact, err error) (*Artifact, error) {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrMalformed) {
		return nil, nil // evicted while we read
	}
	if err != nil {
		return &Artifact{Key: strings.TrimSuffix(name, ".json")}, err
	}
	return a, nil
}

// Keys lists the keys that are held, sorted. It lists meta/ and reads no file.
func (s *Cache) Keys() ([]string, error) {
	names, err := s.tree.Names("meta")
	if err != nil {
		return nil, err
	}
	keys := keysOf(names, nil)
	sort.Strings(keys)
	return keys, nil
}
