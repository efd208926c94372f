package main

import (
	"os"
)

// scrubFlow: a blob rots, and the scrub of a server takes it out of service,
// queues its URL, and has it fetched again. Broken off anywhere, the next to
// look brings the artifact back: the scrub of the next server, or fsck, which
// either finds the rotten blob or a meta that has none.
var scrubFlow = flow{
	name:    "scrub",
	flags:   []string{"--scrub-rate", "1GiB"},
	prepare: func(l *lab) { l.spoil(one) },
	over: func(l *lab, s *server) bool {
		return l.exists("tmp/*.rotten") && l.exists("blobs/"+digest(body(one, 0))) && isDone(one)(l, s)
	},
}

// spoil makes a path held by way of a download, and its blob rotten.
func (l *lab) spoil(path string) {
	blob := "blobs/" + l.fetched(path).SHA256
	os.Chmod(l.data+"/"+blob, 0o644)
	l.write(blob, "rotten")
	l.rot = true
}
