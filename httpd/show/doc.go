// Package show makes what the operator's pages show: rows and lists of misses, jobs and artifacts,
// one artifact or job with all that is known of it, what was saved, what a search finds. A Model
// reads the store and its view, and changes nothing.
//
// Every value is finished: redacted, because strangers chose what is shown, cut where it may be
// long, and with the buttons that belong to it. The templates escape and lay out.
package show
