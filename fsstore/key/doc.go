// Package key turns URLs into the names that the data directory uses.
//
// Two requests ask for the same artifact when their normalised URLs are the same bytes. Parse
// normalises: scheme and host are in lower case; the default port, user-info and fragment are
// dropped; an empty path is "/"; literal "." and ".." segments are removed (RFC 3986, 5.2.4).
// Percent-encoding stays as it is, because to an origin "%2e" may be another file than ".". The
// package does not use net/url, which decodes and encodes again, and refuses "%zz", which origins
// serve. A change of the normalisation would lose what is held under the old names.
//
// The query is a part of the identity, but for parameters that are proven to be a signature,
// because a signature is new with each request. Schemes of signed URLs are recognised by their
// whole set of parameters (see signatures). A parameter that is not known is kept, because it may
// choose the content: that costs a miss, and never brings the bytes of another version.
//
// A key, <host>--<basename>--<hash32>, is made and compared, never parsed. It is a name and no
// identity: its hash is 32 hex digits of the SHA-256 of the normalised URL, and 16 in the names
// that earlier servers gave (see OldKey). Who decides whether two URLs are one compares the whole
// Sum.
//
// The package is pure: it touches no disk and reads no clock. A URL is hostile input and may carry
// a signature: show it to people through Redact alone.
package key
