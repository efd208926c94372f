// Package response says what an origin's answer means by its header: which version it is, whether
// it is the whole file or continues a part, what digests it announces and how it is encoded. It
// asks nothing and reads no body; Verify reads the part that was kept.
package response
