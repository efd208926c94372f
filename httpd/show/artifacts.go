package show

import (
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// Artifacts is a list of artifacts.
type Artifacts struct {
	Rows    []ArtifactRow
	Q, Sort string
	Sorts   []sortLink
	Pager   pager

	Reading bool // the rows are of the artifacts that have been read so far
}

// sortLink is a column by which the list can be sorted.
type sortLink struct {
	Name, Label, Href string
	Number, On        bool
}

// ArtifactRow is one artifact.
type ArtifactRow struct {
	ID, Key, URL, SHA256, Why, Page string
	Size, Hits                      int64
	Misses                          int
	AtLeast                         bool
	Fetched                         time.Time
	Acts                            []templates.Action
}

// Artifacts returns one page of the artifacts that the fields of an address ask for: q is a search,
// sort a column.
func (m *Model) Artifacts(v url.Values, page, rows int) (Artifacts, error) {
	l := Artifacts{Q: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort")}
	switch l.Sort {
	case "name", "size", "hits", "misses":
	default:
		l.Sort = "new"
	}
	q := url.Values{}
	if l.Q != "" {
		q.Set("q", l.Q)
	}
	l.Sorts = sortLinks(q, l.Sort)
	if l.Sort != "new" {
		q.Set("sort", l.Sort)
	}
	found, total, err := m.find(l.Q, l.Sort, (page-1)*rows, rows)
	if err != nil {
		return l, err
	}
	l.Pager = newPager("artifacts", q, page, rows, total)
	if l.Pager.lo != (page-1)*rows { // the page is behind the last one
		found, _, err = m.find(l.Q, l.Sort, l.Pager.lo, rows)
	}
	l.Rows = m.artifactRows(found)
	_, _, l.Reading = m.view.Reading()
	return l, err
}

// atOnce is how many rows are looked at at once, because all the time goes into waiting where the
// storage is behind a network.
const atOnce = 16

func (m *Model) artifactRows(found []fsstore.ArtifactRow) []ArtifactRow {
	rows := make([]ArtifactRow, len(found))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(atOnce, len(found)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(found); i = int(next.Add(1)) - 1 {
				rows[i] = m.artifactRow(&found[i])
			}
		})
	}
	all.Wait()
	return rows
}

func sortLinks(q url.Values, on string) []sortLink {
	list := []sortLink{
		{Name: "name", Label: templates.Word("artifacts.url")},
		{Name: "size", Label: templates.Word("artifacts.size"), Number: true},
		{Name: "hits", Label: templates.Word("artifacts.hits"), Number: true},
		{Name: "misses", Label: templates.Word("artifacts.misses"), Number: true},
		{Label: templates.Word("artifacts.digest")},
		{Name: "new", Label: templates.Word("artifacts.fetched")},
	}
	for i := range list {
		v := url.Values{}
		if q.Has("q") {
			v.Set("q", q.Get("q"))
		}
		if list[i].Name != "new" {
			v.Set("sort", list[i].Name)
		}
		list[i].On = list[i].Name == on
		if list[i].Name != "" {
			list[i].Href = strings.TrimSuffix("artifacts?"+v.Encode(), "?")
		}
	}
	return list
}

// find searches for a part of a URL, of a key or of a digest, or for a whole URL,
// which is normalised as a client's is.
func (m *Model) find(q, sort string, from, n int) ([]fsstore.ArtifactRow, int, error) {
	if strings.Contains(q, "://") {
		a, err := m.store.Lookup(q)
		switch {
		case err == nil:
			row, ok := m.view.Artifact(a.Key)
			if !ok || from > 0 {
				return nil, 0, nil
			}
			return []fsstore.ArtifactRow{row}, 1, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, key.ErrBadURL):
			return nil, 0, err
		}
	}
	rows, total := m.view.Artifacts(q, sort, from, n)
	return rows, total, nil
}

// artifactRow returns the row of an artifact, even of one that can't be read, so
// that it can be evicted. It checks the blob and reads the hits, which may be half a
// minute old in the list.
func (m *Model) artifactRow(a *fsstore.ArtifactRow) ArtifactRow {
	r := ArtifactRow{
		ID: rowID("meta", a.Key), Key: a.Key, URL: URL(a.URL, a.Key), SHA256: a.SHA256,
		Size: a.Size, Hits: m.store.Hits(a.Key),
		Misses: a.Misses, AtLeast: a.AtLeast, Fetched: a.Fetched, Page: pageOf(a.Key),
	}
	if a.SHA256 == "" {
		r.Why = templates.Word("artifacts.unreadable")
	} else if !m.store.HasBlob(a.SHA256, a.Size) {
		r.Why = templates.Word("artifacts.noblob")
	}
	r.Acts = []templates.Action{evictAction(a.Key)}
	return r
}

// pageOf returns the address of an artifact's page.
func pageOf(k string) string { return "artifacts/" + url.PathEscape(k) }
