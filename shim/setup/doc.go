// Package setup is the program under its own name, fromcache-shim: it sets the shim up, and says
// what it would do.
//
// install puts the program into a directory under the tools' names, as hard links or copies.
// Everything is looked at before anything is changed, each name is made by a rename so that no call
// finds half of one, and a file that is not ours is never replaced or removed. env prints what a
// shell evaluates to put that directory first on its PATH. status, doctor and plan change nothing.
package setup
