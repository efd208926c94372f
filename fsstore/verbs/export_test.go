package verbs

// What the tests in this folder reach of the inside.

var WriteApproval = writeApproval
