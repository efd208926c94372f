package view

import "fromcache/fsstore/internal/tree"

// What the tests in this folder reach of the inside.

func (x *View) Forget() {
	for _, dir := range directories {
		x.forget(dir)
	}
}

// Loaded returns how many files of a directory are in memory.
func (x *View) Loaded(st tree.State) int {
	if st == tree.Done {
		return x.ended.Len()
	}
	return x.jobs[st].Len()
}

func (x *View) LoadedHits() bool { return x.catalog.HasHits() }

func (x *View) Tick() { x.tick() }

func (x *View) Expire() { x.expire() }

const KeptClients = keptClients

var Viewed = viewed
