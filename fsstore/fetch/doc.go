// Package fetch is the worker pool: it claims jobs, pulls their URLs from the origin, and publishes what arrived whole.
//
// It owns no file and opens none. What is on disk belongs to package fsstore: a Claim is a job of ours in active/, a Part the
// bytes under way in tmp/, Publish the one commit point. So a crash at any moment here leaves what fsstore says it leaves:
// the job is an orphan that goes back to queue/, the part waits for whoever claims the key next. Nobody calls this package
// to start a download: a file in queue/ is the whole order, whoever put it there.
//
// # One attempt
//
// The part that is kept for the key is adopted, if the job's newest start line noted a validator (a strong ETag, or a time of
// change that RFC 9110 calls strong) and a size, and was of the same URL but for its signature; all other parts are useless and
// go. The origin is asked for the rest (Range, If-Range), or for all; where an artifact is held, only if it has changed. What
// answers is believed as little as can be:
//
//   - Only a 206 that begins where the part ends, with the same total and the same validator, is appended. Anything else
//     starts afresh, in the same attempt. Two versions are never spliced. A 200 whose Content-Range says that it is a piece is
//     not the whole either.
//   - A part that was complete already (a crash before the commit) is asked for its last byte, which proves the same.
//   - The end of the bytes must be certain: a length, chunks, HTTP/2's frames, or, where the connection's end is the only end (HTTP/1.0), an
//     expected SHA-256 or a digest of the origin's. A 200 without one of these is refused, for it can't be told from a
//     broken one (RFC 9112, 8).
//   - No bytes are a file only if the origin says so with Content-Length: 0, and the name is not that of a binary.
//   - What the origin announced (Repr-Digest, Content-Digest of a whole answer, x-goog-hash, Content-MD5; in the header or
//     the trailer) must be so. It is computed while the bytes pass, and after a resume from the part, which is read once
//     more. Algorithms other than sha-256, sha-512, md5 and crc32c, and fields that can't be read, are passed over.
//   - The bytes must be what the URL's name says: see package kind.
//   - An expected SHA-256 decides over all of these but the two that splice: bytes that have it are the artifact, though the
//     origin calls them a piece, names another digest, or the name says something else. A digest that the origin announced
//     wrongly is then a note in meta.
//
// We ask for the identity coding. The bytes kept are those of the wire, as curl keeps them. So an answer that is encoded
// nevertheless is kept only where the coding is what the name says (gzip for .gz: that is how Apache labels such files) or
// the job says `accept any`; under any other name the bytes would not be the file that clients expect.
//
// # Where requests go
//
// http and https only, at most ten redirects, https to http only with `accept http`, and to nothing that denied/ speaks for.
// The address that is dialled is judged at every hop, after the name was resolved, so that no resolver can change its answer
// in between: see address.go. Cookies that origins set are sent along the chain, for some redirect to themselves until they
// see one, and forgotten with it. The User-Agent is the tool's that asked first. What a host needs beside that its file of
// --origins says, see origins.go: it speaks for its host at any hop.
//
// With a proxy (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) the proxy resolves and dials; its own address is exempt, and we can judge
// only literal addresses and localhost in URLs. The proxy must then itself refuse loopback, link-local, metadata and, as far
// as the lab wants it, private addresses.
//
// HTTP/2 where a TLS origin speaks it, as curl and browsers do: some origins answer nothing else well. Its window is large
// enough that the distance limits no large body; each GiB costs a tenth more of a core than HTTP/1.1. Every hop has a connection of its own, so that no pooled connection
// escapes the judgement of its address.
//
// # How an attempt ends
//
//   - done: published, or unchanged.
//   - again, with a doubling delay: 408, 425, 429, 5xx but 501 and 505, names that don't resolve, connections that can't be
//     made or break, short bodies, silence. Retry-After is obeyed, up to a day. After Options.Retries attempts the job fails.
//     Progress of a resume sets the count back.
//   - wait, which is no attempt: no space, or a file of --origins that can't be used.
//   - failed: everything else, certificates that can't be verified, TLS that can't be agreed on and a proxy that refuses to
//     connect among it: a person must look at those, and another try would only hide it. The reason says what happened and
//     what to do.
//   - put back: the server stops, or the host has as many connections as its file allows. cancelled: the file left active/.
//
// A part that failed a check, and one that can't be resumed, is unlinked at once.
//
// Reasons, log lines and meta never hold a credential: whatever text leaves here has been through key.RedactText, and the
// header lines of origins go into requests only.
package fetch
