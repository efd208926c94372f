// Package hooks runs an operator's own programs when something happens in the spool. A directory
// outside the data holds them, each named by the event that it is for:
//
//	miss    a URL was asked for that is not held, and its miss was recorded
//	done    a download ended in done/
//	failed  a job ended in failed/
//	check   a download is complete, and is published only if this program agrees
//
// A program gets one Event as JSON on standard input. It is run without a shell, with few variables
// and a time limit. What goes wrong with it is logged and stops nothing, save that nothing is
// published while check can't be run.
//
// The events are those of this server: what another server on the same directory did, or a person
// with mv, runs nothing here.
package hooks
