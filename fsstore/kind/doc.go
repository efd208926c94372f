// Package kind reports whether bytes can be the file that a URL names: a login page that was saved
// as cuda.run is an artifact that nobody wants. Check decides so for downloads and for files that
// were carried in by hand.
//
// An origin often answers 200 with an HTML page, a JSON or XML document or a line of text that says
// what is wrong. A Git server answers with a pointer of 130 bytes for a file that is kept elsewhere
// (Git LFS). Check refuses these where the name says that the file is something else. It lets pass
// what it does not know.
//
// The tables of first bytes are the package's own. A library that detects media types, such as
// mimetype, takes a page in UTF-16, or one that begins with <meta>, for plain text, any document
// after a comment for an HTML page, and a zip archive that was split for something unknown. Such
// pages would be kept, and such files refused.
//
// The package is pure: it reads a name and the first bytes, touches no disk, and keeps nothing.
package kind
