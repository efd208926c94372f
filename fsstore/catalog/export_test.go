package catalog

// What the tests in this folder reach of the inside.

var OpenFromBlobs = (*Catalog).openFromBlobs
