package verbs

// What the tests in this folder reach of the inside.

var WriteApproval = writeApproval

// LogEvict and RemoveMeta are the two steps of Evict.
var (
	LogEvict   = (*Verbs).logEvict
	RemoveMeta = (*Verbs).removeMeta
)
