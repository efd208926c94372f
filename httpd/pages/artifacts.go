package pages

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

type artifactList struct {
	Rows    []artifactRow
	Q, Sort string
	Sorts   []sortLink
	Pager   pager
}

// sortLink is a column by which the list can be sorted.
type sortLink struct {
	Name, Label, Href string
	Number, On        bool
}

type artifactRow struct {
	ID, Key, URL, SHA256, Why, Page string
	Size, Hits                      int64
	Misses                          int
	AtLeast                         bool
	Fetched                         time.Time
	Acts                            []templates.Action
}

func (s *Server) showArtifacts(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "artifacts")
	var err error
	if f.Artifacts, err = s.artifactList(r, perPage); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) artifactList(r *http.Request, rows int) (artifactList, error) {
	v := r.URL.Query()
	l := artifactList{Q: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort")}
	switch l.Sort {
	case "name", "size", "hits", "misses":
	default:
		l.Sort = "new"
	}
	all := s.view.Artifacts()
	found, err := s.find(all, l.Q, l.Sort)
	if err != nil {
		return l, err
	}
	q := url.Values{}
	if l.Q != "" {
		q.Set("q", l.Q)
	}
	l.Sorts = sortLinks(q, l.Sort)
	if l.Sort != "new" {
		q.Set("sort", l.Sort)
	}
	l.Pager = newPager("artifacts", q, pageOf(r), rows, len(found))
	for _, i := range found[l.Pager.lo:l.Pager.hi] {
		l.Rows = append(l.Rows, s.artifactRow(all[i]))
	}
	return l, nil
}

func sortLinks(q url.Values, on string) []sortLink {
	list := []sortLink{{Name: "name", Label: "URL"}, {Name: "size", Label: "Size", Number: true}, {Name: "hits", Label: "Hits", Number: true},
		{Name: "misses", Label: "Misses", Number: true}, {Label: "SHA-256"}, {Name: "new", Label: "Fetched"}}
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
func (s *Server) find(all []*fsstore.ArtifactRow, q, sort string) ([]int32, error) {
	if !strings.Contains(q, "://") {
		return s.computed.artifacts(all, strings.ToLower(q), sort), nil
	}
	a, err := s.store.Lookup(q)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, key.ErrBadURL):
		return s.computed.artifacts(all, strings.ToLower(q), sort), nil
	case err != nil:
		return nil, err
	}
	for i := range all {
		if all[i].Key == a.Key {
			return []int32{int32(i)}, nil
		}
	}
	return nil, nil
}

// artifactRow returns the row of an artifact, even of one that can't be read, so
// that it can be evicted. It checks the blob and reads the hits, which may be half a
// minute old in the list.
func (s *Server) artifactRow(a *fsstore.ArtifactRow) artifactRow {
	r := artifactRow{
		ID: rowID("meta", a.Key), Key: a.Key, URL: shown(a.URL, a.Key), SHA256: a.SHA256, Size: a.Size, Hits: s.store.Hits(a.Key),
		Misses: a.Misses, AtLeast: a.AtLeast, Fetched: a.Fetched, Page: "artifacts/" + url.PathEscape(a.Key),
	}
	if a.SHA256 == "" {
		r.Why = "its meta can't be read: run fromcache fsck"
	} else if !s.store.HasBlob(a.SHA256, a.Size) {
		r.Why = "not in the cache: its blob is missing, has another size or can't be read"
	}
	r.Acts = []templates.Action{evictAction(a.Key)}
	return r
}
