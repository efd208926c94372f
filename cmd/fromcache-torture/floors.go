package main

import (
	"slices"
	"strings"

	"fromcache/cmd/fromcache-torture/judge"
)

// floor is how many cases of a kind a part must have tried. What tried nothing
// found nothing, and looks as if all were well: strace that is not allowed to
// trace, an origin whose URLs are all refused, a test that has another name now.
type floor struct {
	kind        string
	slice, long int
}

// floors by part: where the promise names a number, that; else a half or so of
// what is usual on 2 processors. They are of those counts that could be nothing
// without any other complaint: what waits for the end of all that it began needs
// none.
var floors = map[string][]floor{
	"kill":       {{"kills", 100, 1000}},
	"errno":      {{"errors", 250, 2000}},
	"powercut":   {{"acknowledged", 40, 1000}},
	"randomkill": {{"answers", 1, 250}, {"approvals", 0, 50}, {"with a job to recover", 1, 100}},
	"full":       {{"jobs taken without room", 4, 200}, {"waits for room", 2, 200}},
	"faults":     {{"connections past the limit", 100, 100}},
	"planted":    {{"planted files", 84, 84}}, // 108, but only root makes devices
	"copies":     {{"answers", 15, 1000}},
	"restore":    {{"answers", 100, 2000}},
	"soak":       {{"fetches", 20, 1000}},
	"fuzz-key":   {{"targets", 0, 3}},
	"fuzz-job":   {{"targets", 0, 4}},
	"fuzz-tree":  {{"targets", 0, 2}},
	"fuzz-disk":  {{"targets", 0, 2}},
	"fuzz-http":  {{"targets", 0, 5}},
	"fuzz-rest":  {{"targets", 0, 10}},
	"addresses":  {{"tries as the URL", 0, 200}},
	"guesses":    {{"guesses", 0, 100_000}},
	"canaries":   {{"outputs searched", 0, 1000}},
	"model":      {{"walks", 0, 5000}},
	"guards":     {{"guards", 0, 100}},
}

// judge complains of what was tried too little. What this machine can't do has a
// note that it was not run, and no case.
func (f floor) judge(long bool, row *judge.Row) {
	least := f.slice
	if long {
		least = f.long
	}
	n := row.Cases(f.kind)
	if n < least && !(n == 0 && saysNotRun(row)) {
		row.Violated("only %d %s: at least %d are to be tried", n, f.kind, least)
	}
}

func saysNotRun(row *judge.Row) bool {
	return slices.ContainsFunc(row.Notes(), func(note string) bool { return strings.Contains(note, "not run") })
}
