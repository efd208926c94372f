// Package live keeps open pages up to date. A page holds one stream of events open; when a
// directory that it shows has changed, the stream hints at that, and the page fetches itself
// again. A hint carries no content, because a page that missed one would then be wrong.
//
//	hub.go      the streams, and what they are told
//	hints.go    which page shows which directories
//	events.go   a stream as an answer
//	parts.go    the answer that all open pages fetch at one hint, rendered once
package live
