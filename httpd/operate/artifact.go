package operate

import (
	"context"
	"iter"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// Artifact is what is held for one URL, and how often it was served.
type Artifact struct {
	fsstore.Artifact
	Hits int64 `json:"hits"`
}

// ArtifactList is a page of artifacts.
type ArtifactList struct {
	Artifacts []Artifact `json:"artifacts" nullable:"false"`
	Broken    []Broken   `json:"broken,omitempty" doc:"Metas on this page that can't be read: run fromcache fsck"`
	Next      string     `json:"next,omitempty" doc:"The cursor of the next page: pass it as after. Absent on the last page"`
}

// Broken is an artifact whose meta can't be read.
type Broken struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

func (b *Broken) Error() string { return b.Why }

// Acceptable is what an Addition can say to accept.
var Acceptable = []string{"any", "text/html", "http", "private"}

// Addition is a URL to fetch although nobody asked for it, or to put.
type Addition struct {
	URL    string   `json:"url" minLength:"1" maxLength:"8192" doc:"http or https" example:"https://example.com/tool.run"`
	SHA256 string   `json:"sha256,omitempty" nullable:"true" pattern:"^[0-9A-Fa-f]{64}$" doc:"The digest that the bytes must have"`
	Accept []string `json:"accept,omitempty" nullable:"true" maxItems:"4" enum:"any,text/html,http,private" doc:"What to allow although it is refused by default"`
}

// stored returns the addition as the store takes it.
func (a Addition) stored() fsstore.Addition {
	s := fsstore.Addition{URL: a.URL, SHA256: strings.ToLower(a.SHA256)}
	for _, word := range a.Accept {
		switch word {
		case "any":
			s.AcceptAny = true
		case "text/html":
			s.AcceptHTML = true
		case "http":
			s.AcceptHTTP = true
		case "private":
			s.AcceptPrivate = true
		}
	}
	return s
}

// Artifacts lists what is held, by key.
func (l *Local) Artifacts(_ context.Context, p Page) (ArtifactList, error) {
	list := ArtifactList{Artifacts: []Artifact{}}
	rows := p.rows
	var keys []string
	var err error
	if l.View != nil {
		keys, rows = l.View.KeysAfter(p.After, p.looked()), p.someRows
	} else if keys, err = l.Store.Keys(); err != nil {
		return list, err
	}
	next, err := rows(keys, func(k string) (bool, error) {
		if !p.matches(k) {
			return false, nil
		}
		a, err := l.Store.ReadListed(k + ".json")
		switch {
		case err != nil:
			list.Broken = append(list.Broken, Broken{k, l.shorten(err)})
			return true, nil
		case a == nil:
			return false, nil // it is gone
		}
		list.Artifacts = append(list.Artifacts, l.withHits(a))
		return true, nil
	})
	list.Next = next
	return list, err
}

// eachArtifact is EachArtifact of this machine. It lists meta/ once.
func (l *Local) eachArtifact(match string) iter.Seq2[Artifact, error] {
	matches := func(k string) bool { return Page{Match: match}.matches(k) }
	return func(yield func(Artifact, error) bool) {
		for a, err := range l.Store.EachCounted(matches, l.Store.Hits) {
			var row Artifact
			switch {
			case err == nil:
				row = redacted(a.Artifact, a.Hits)
			case a.Artifact != nil:
				row.Key, err = a.Key, &Broken{a.Key, l.shorten(err)}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// Artifact returns the artifact of one key.
func (l *Local) Artifact(_ context.Context, k string) (Artifact, error) {
	a, err := l.Store.Artifact(k)
	if err != nil {
		return Artifact{}, err
	}
	return l.withHits(a), nil
}

// Lookup returns the artifact held for a URL.
func (l *Local) Lookup(_ context.Context, url string) (Artifact, error) {
	a, err := l.Store.Lookup(url)
	if err != nil {
		return Artifact{}, err
	}
	return l.withHits(a), nil
}

func (l *Local) withHits(a *fsstore.Artifact) Artifact { return redacted(a, l.Store.Hits(a.Key)) }

func redacted(a *fsstore.Artifact, hits int64) Artifact {
	row := Artifact{*a, hits}
	row.URL = key.Redact(row.URL)
	return row
}

// shorten is an error without the path of the data directory.
func (l *Local) shorten(err error) string {
	return key.RedactText(strings.ReplaceAll(err.Error(), l.Store.Dir()+"/", ""))
}
