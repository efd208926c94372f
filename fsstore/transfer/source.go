package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// Source is a data directory that is only read: of an earlier server, of one that runs, or a
// bundle. It may lie on a file system that can't be written to.
type Source struct {
	tree    *tree.Tree
	counts  *counts.Counts
	queries *queries.Rules
	held    *held.Cache
}

// OpenSource opens the data directory dir for reading. rule is the query rule of this server.
func OpenSource(dir string, rule key.Rule) (*Source, error) {
	switch begin, err := tree.CheckReadme(dir); {
	case err != nil:
		return nil, err
	case begin:
		return nil, fmt.Errorf("%s is no data directory of fromcache: it has no README", dir)
	}
	for _, name := range []string{"meta", "blobs"} {
		if info, err := os.Lstat(dir + "/" + name); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s/%s is no directory: the data directory is not whole", dir, name)
		}
	}
	t := tree.New(dir, slog.New(slog.DiscardHandler))
	h, err := health.New(t, 0, nil)
	if err != nil {
		return nil, err
	}
	q := queries.New(t, h, rule)
	return &Source{tree: t, counts: counts.New(t), queries: q, held: held.New(t, h, q)}, nil
}

// Artifacts yields what the source holds, sorted by key. The error of one that can't be read has
// its key in it.
func (s *Source) Artifacts() iter.Seq2[*Incoming, error] {
	return func(yield func(*Incoming, error) bool) {
		keys, err := s.Keys()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, k := range keys {
			in, err := s.Artifact(k)
			if (in != nil || err != nil) && !yield(in, err) {
				return
			}
		}
	}
}

// Keys lists the keys of what the source holds, sorted.
func (s *Source) Keys() ([]string, error) { return s.held.Keys() }

// Artifact returns what the source holds under a key; nil if it was evicted meanwhile.
func (s *Source) Artifact(k string) (*Incoming, error) {
	a, err := s.held.ReadListed(k + ".json")
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", k, err)
	}
	if a == nil {
		return nil, nil
	}
	return s.incoming(a), nil
}

// KeyOf returns the key under which the source holds the artifact of a URL.
func (s *Source) KeyOf(rawURL string) (string, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return "", err
	}
	a, err := s.held.Find(u)
	if err != nil {
		return "", err
	}
	return a.Key, nil
}

func (s *Source) incoming(a *held.Artifact) *Incoming {
	digest := a.SHA256
	return &Incoming{
		URL: s.wholeURL(a), Key: a.Key, Meta: a.Meta, Hits: s.counts.ReadHits(a.Key), From: s.tree.Root,
		Open: func() (*os.File, error) {
			f, err := tree.Open(s.tree.Path("blobs", digest), os.O_RDONLY)
			if errors.Is(err, fs.ErrNotExist) { // gc took it out of there
				if g, err := tree.Open(s.tree.Path("tmp", digest+held.GoneSuffix), os.O_RDONLY); err == nil {
					return g, nil
				}
			}
			return f, err
		},
	}
}

// wholeURL returns the URL that brought an artifact's bytes, or "" where the meta has it redacted
// and done/ no longer tells it. A URL that does not fit the sums in the meta is not taken.
func (s *Source) wholeURL(a *held.Artifact) string {
	tries := []string{a.AskedURL()}
	if key.IsRedacted(tries[0]) {
		tries = nil
	}
	if h, err := s.held.LastRecord(a.Key); err == nil && h.Done.Sha256 == a.SHA256 {
		tries = append(tries, h.Job.FetchURL())
	}
	for _, raw := range tries {
		u, err := s.queries.Parse(raw)
		if err == nil && s.held.IsFor(a, u) && !key.HasUserInfo(raw) {
			return u.Whole()
		}
	}
	return ""
}

// Within reports whether the directory dir, an absolute path, is the source itself or lies in it.
func (s *Source) Within(dir string) bool {
	root, err := os.Stat(s.tree.Root)
	if err != nil {
		return false
	}
	for {
		if info, err := os.Stat(dir); err == nil && os.SameFile(root, info) {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}
