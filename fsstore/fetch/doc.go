// Package fetch is the worker pool: it claims jobs, downloads their URLs from the origins, and
// publishes what arrived complete.
//
// What asks an origin is package client, what an answer's header means is package response, and why
// an attempt brought nothing is package failure. What asks other fromcaches, before the origin, is
// package upstream. Here are the pool and its attempts.
//
// It opens no file. What is on the disk belongs to package fsstore: a Claim is a job of ours in
// active/, a Part holds the bytes under way in tmp/, and Publish is the one commit point. So a
// crash leaves what fsstore recovers: the job goes back to queue/, and the part waits for the next
// claim of its key. A file in queue/ is the only way to start a download.
//
// # One attempt
//
// A part is resumed if the job's newest start line noted a validator (a strong ETag, or a
// Last-Modified time that RFC 9110 calls strong) and a size, and was of the same URL but for its
// signature. Other parts are removed. The request is for the rest (Range, If-Range) or for the
// whole; where an artifact is held, only if it has changed.
//
//   - Only a 206 that begins where the part ends, with the same total and the same validator, is
//     appended. Anything else starts from byte 0 in the same attempt, so two versions are never
//     joined. A 200 whose Content-Range names a part is not the whole.
//   - A part that is complete already (a crash before the commit) is confirmed by a request for its
//     last byte.
//   - The end of the body must be certain: a length, chunks, HTTP/2's frames, or, where only the
//     connection's end shows it (HTTP/1.0), a digest from the job or the origin. A 200 without one
//     of these fails, because it can't be told from a broken one (RFC 9112, 8).
//   - An empty file needs Content-Length: 0, and a name that is not that of a binary.
//   - A digest that the origin announces (Repr-Digest, Content-Digest of a whole answer,
//     x-goog-hash, Content-MD5; in the header or the trailer) must match. It is computed as the
//     bytes arrive, and after a resume from the part. Algorithms other than sha-256, sha-512, md5
//     and crc32c, and fields that can't be read, are ignored.
//   - The bytes must be what the URL's name says: see package kind.
//   - The job's SHA-256 overrules all of these but the two rules against joined versions: bytes
//     with that digest are the artifact, whatever the origin or the name says. A digest that the
//     origin announced wrongly is then a note in meta.
//
// Requests ask for the identity coding, and the bytes are kept as they are sent, as curl keeps
// them. An answer with Content-Encoding is kept only where the name says the same coding (Apache
// labels .gz files gzip) or the job has the line `accept any`, because otherwise the bytes would
// not be the file that clients expect.
//
// # Where requests go
//
// Schemes are http and https, with at most ten redirects, https to http only with the job's line
// `accept http`, and never a URL that denied/ forbids. The dialled address is checked at every hop
// after the name was resolved, so that a resolver can't change its answer in between: see package
// address. Cookies are sent along the chain, because some origins redirect to themselves until they
// see one, and forgotten with it. The User-Agent is that of the tool that asked first. A host's
// further needs are in its file of --origins, which counts at any hop: see package origins.
//
// With a proxy (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) the proxy resolves and dials. Its own address is
// not checked, and of URLs only literal addresses and localhost can be. The proxy itself must then
// refuse loopback, link-local, metadata and, as the lab decides, private addresses.
//
// HTTP/2 is used where a TLS origin speaks it, because some origins serve nothing else well. Its
// window is large enough for distant origins. It costs a tenth more CPU than HTTP/1.1. Every hop
// has a connection of its own, so that the check of its address always applies.
//
// # How an attempt ends
//
//   - done: published, or unchanged.
//   - retry, with a doubling delay: 408, 425, 429, 5xx but 501 and 505, names that don't resolve,
//     connections that can't be made or break, short bodies, silence. Retry-After is obeyed, up to
//     a day. After Options.Retries attempts the job fails. A resume that brought bytes resets the
//     count.
//   - defer, which counts no attempt: no space, a file of --origins that can't be used, or an
//     upstream that has the URL queued or is fetching it.
//   - fail: everything else, among it certificates that can't be verified, TLS without common
//     ground and a proxy that refuses to connect, because only a person can mend those. The reason
//     says what happened and what to do.
//   - requeue: the server stops, or the host has as many connections as its file allows.
//   - cancel: the file left active/.
//
// A part that failed a check, or can't be resumed, is unlinked at once.
//
// Reasons, log lines and meta never hold a credential: all text passes through key.RedactText, and
// the header lines of --origins go into requests only.
package fetch
