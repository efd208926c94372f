package held

import (
	"errors"
	"io/fs"
	"iter"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// Artifacts yields every artifact, in no order. For a meta that is malformed or can't be read it
// yields an Artifact that has only its Key, and the error.
func (s *Cache) Artifacts() iter.Seq2[*Artifact, error] {
	return func(yield func(*Artifact, error) bool) {
		err := s.tree.EachNames("meta", func(names []string) error {
			for _, m := range s.readArtifacts(names) {
				if (m.a != nil || m.err != nil) && !yield(m.a, m.err) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(nil, err)
		}
	}
}

// errStop ends a walk early.
var errStop = errors.New("stop")

type listedMeta struct {
	a   *Artifact
	err error
}

// readArtifacts reads on several processors, because parsing takes most of the time.
func (s *Cache) readArtifacts(names []string) []listedMeta {
	list := make([]listedMeta, len(names))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 4) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				list[i].a, list[i].err = s.ReadListed(names[i])
			}
		})
	}
	wg.Wait()
	return list
}

// ReadListed reads a name from a listing of meta/. It returns neither artifact nor error if the
// file is gone by now, or is no meta.
func (s *Cache) ReadListed(name string) (*Artifact, error) {
	k, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return nil, nil
	}
	a, err := s.ReadArtifact(name)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrMalformed) {
		return nil, nil // evicted while we read
	}
	if err != nil {
		return &Artifact{Key: k}, err
	}
	return a, nil
}

// Keys lists the keys that are held, sorted. It lists meta/ and reads no file.
func (s *Cache) Keys() ([]string, error) {
	names, err := s.tree.Names("meta")
	if err != nil {
		return nil, err
	}
	keys := names[:0]
	for _, name := range names {
		if k, ok := strings.CutSuffix(name, ".json"); ok {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys, nil
}
