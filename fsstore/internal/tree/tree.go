// Package tree is the data directory as files: its layout and README, the names of files, opening
// without following links, locks, new files that appear whole, fsync, listings, and a mirror of one
// directory in memory. It knows nothing of artifacts and jobs.
//
// It is internal, so that the compiler keeps everybody outside of fsstore from joining paths.
package tree

import (
	"log/slog"
)

// Tree is an open data directory as files: paths, names, locks and new files.
type Tree struct {
	Root     string
	Log      *slog.Logger
	ReadOnly bool   // a replica, of which nothing is written
	Main     string // the server that a replica is a copy of, where that was said
	id       string // the Name of a replica
}

// New returns the Tree of the data directory root. log may be nil where nothing is logged.
func New(root string, log *slog.Logger) *Tree {
	return &Tree{Root: root, Log: log, id: RandomID()}
}
