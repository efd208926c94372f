package show

import (
	"fromcache/fsstore"
	"fromcache/httpd/progress"
	"fromcache/templates"
)

// Model makes what pages show of one store. It may be used by many goroutines.
type Model struct {
	store    *fsstore.Store
	view     *fsstore.View
	computed computed
	origins  origins
	rates    progress.Rates
}

// New returns a model of s, whose directories are in v.
func New(s *fsstore.Store, v *fsstore.View) *Model { return &Model{store: s, view: v} }

// Summary is the line at the head of each page.
type Summary struct {
	Artifacts, Misses, Queued, Running, Failed, Jobs, Problems int
	Bytes, NotNoted, Free, Total                               int64
	Troubles                                                   []fsstore.Trouble
	Reading                                                    bool             // Artifacts and Bytes are of those that have been read so far
	Read, ToRead                                               int              // how many that are, and of how many
	Replica                                                    *fsstore.Replica // nil: it is none
}

// Summary reads no disk, because it also tells what is wrong with the disk; of a replica its mark.
func (m *Model) Summary() (sum Summary) {
	sum.Replica = m.store.Replica()
	sum.Troubles = m.store.Health()
	sum.Free, sum.Total, _ = m.store.Free() // no number says enough
	sum.Misses = m.view.Count(fsstore.Misses)
	sum.Queued = m.view.Count(fsstore.Queue)
	sum.Running = m.view.Count(fsstore.Active)
	sum.Failed = m.view.Count(fsstore.Failed)
	sum.Jobs = sum.Queued + sum.Running
	sum.NotNoted = m.store.NotNoted()
	sum.Problems = len(m.store.Problems())
	sum.Artifacts, sum.Bytes = m.view.SoFar()
	sum.Read, sum.ToRead, sum.Reading = m.view.Reading()
	return sum
}

// action is a button in a row, of the form that all rows share.
func action(verb, look, field, name string) templates.Action {
	return templates.Action{
		Verb: verb, Label: templates.Word("verb." + verb), Look: look, Form: "act", Field: field,
		Value: name,
	}
}

// first is a as the button that stands in its row.
func first(a templates.Action) templates.Action {
	a.First = true
	return a
}
