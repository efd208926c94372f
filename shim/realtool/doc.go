// Package realtool finds the tool that stands behind the shim, and says which tool a call is for.
//
// The real tool is the first file of its name on PATH that is not this binary; REAL_CURL and
// REAL_WGET come before it, /usr/local/bin:/usr/bin:/bin after it, because in a sandbox PATH may be
// a directory of links to the shim.
//
// Which tool is meant says the name that the shim is called by, else that of a file which a link of
// another name leads to. So install makes hard links, not symbolic ones: whoever resolves a
// symbolic link, to run the tool by its real path, would no longer say which tool.
//
// Two copies of the shim, links, wrapper scripts and a REAL_CURL that names a shim can't loop.
// FROMCACHE_TRIED carries what was tried, by device and inode, and a shim that finds it set judges
// nothing but becomes the next file that was not tried. A wrapper that calls curl for URLs of its
// own therefore downloads those from their origin.
package realtool
