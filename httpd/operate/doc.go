// Package operate is what an operator sees of a cache and does to it, as values with one form in
// the process and in JSON. Cache is the list of all that, and two types have it:
//
//	Local            on a Store: the verbs on a data directory, and what the API answers with
//	client.Client    through the API of a server: the verbs from afar
//
// What strangers chose is redacted where a value is made, so that no URL's credential leaves the
// data directory.
package operate

import (
	"context"
	"fmt"
	"io"
	"iter"

	"fromcache/fsstore"
)

// Cache is what an operator sees and does. The error of what is not there is fs.ErrNotExist.
type Cache interface {
	Counts(ctx context.Context) (Counts, error)
	Jobs(ctx context.Context, st fsstore.State, p Page) (JobList, error)
	Job(ctx context.Context, st fsstore.State, name string) (Job, error)
	Artifacts(ctx context.Context, p Page) (ArtifactList, error)
	Names(ctx context.Context, url string, in []fsstore.State) ([]string, error)
	Why(ctx context.Context, url string) (Why, error)
	Stats(ctx context.Context, days int) (Stats, error)
	Status(ctx context.Context) (*fsstore.Status, error)
	Rules(ctx context.Context) ([]Rule, error)
	TryRules(ctx context.Context, rules []RuleText) ([]Trial, error)
	SuggestRules(ctx context.Context) ([]Suggestion, error)
	Log(ctx context.Context, w LogWish, tell func([]fsstore.JournalEntry) error) error

	Approve(ctx context.Context, m fsstore.Shown) error
	Dismiss(ctx context.Context, st fsstore.State, name string) error
	Deny(ctx context.Context, name string) error
	Allow(ctx context.Context, name string) error
	AddRule(ctx context.Context, name string, lines []string) error
	RemoveRule(ctx context.Context, name string) error
	Cancel(ctx context.Context, name string) error
	Retry(ctx context.Context, st fsstore.State, name string, more Addition) error
	Evict(ctx context.Context, key string) error
	Add(ctx context.Context, a Addition) (name string, err error)
	Put(ctx context.Context, a Addition, from io.Reader, size int64, progress func(have int64) error) (Artifact, error)
}

// Page says which part of a list is wanted. The zero value is its beginning.
type Page struct {
	Match string // a glob that the name or the key matches whole; "": all
	After string // the Next of the page before
	Limit int    // most rows; 0: as many as the Cache gives at once
}

// EachJob yields every job of a directory that the glob matches, by name.
func EachJob(ctx context.Context, c Cache, st fsstore.State, match string) iter.Seq2[Job, error] {
	return each(match, func(p Page) (iter.Seq2[Job, error], string, error) {
		l, err := c.Jobs(ctx, st, p)
		return l.Each(), l.Next, err
	})
}

// Each yields the jobs of the page.
func (l JobList) Each() iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		for i := range l.Jobs {
			if !yield(l.Jobs[i], nil) {
				return
			}
		}
	}
}

// EachArtifact yields every artifact whose key the glob matches, by key. One that can't be read is an
// Artifact that has only its Key, and an error; the rest follows. More than fsstore.SortedKeys on this
// machine come in no order, and as they are read.
func EachArtifact(ctx context.Context, c Cache, match string) iter.Seq2[Artifact, error] {
	if l, isLocal := c.(*Local); isLocal {
		return l.eachArtifact(match)
	}
	return each(match, func(p Page) (iter.Seq2[Artifact, error], string, error) {
		l, err := c.Artifacts(ctx, p)
		return l.each(), l.Next, err
	})
}

func (l ArtifactList) each() iter.Seq2[Artifact, error] {
	return func(yield func(Artifact, error) bool) {
		for i := range l.Artifacts {
			if !yield(l.Artifacts[i], nil) {
				return
			}
		}
		for i := range l.Broken {
			if !yield(Artifact{Artifact: fsstore.Artifact{Key: l.Broken[i].Key}}, &l.Broken[i]) {
				return
			}
		}
	}
}

// each asks for page after page. An error of a whole page is the last that it yields. A cursor that
// does not come after the one before is an error, because a server may be no cache-host.
func each[T any](match string, ask func(Page) (iter.Seq2[T, error], string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		p := Page{Match: match}
		for more := true; more; more = p.After != "" {
			rows, next, err := ask(p)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for row, err := range rows {
				if !yield(row, err) {
					return
				}
			}
			if next != "" && next <= p.After {
				var none T
				yield(none, fmt.Errorf("the list does not end: after the page %.80q comes %.80q", p.After, next))
				return
			}
			p.After = next
		}
	}
}
