// Package upstream asks other fromcaches for what this one fetches, before the origin.
//
// An upstream is asked as any client asks it, GET /b/<token>, in this site's name: the User-Agent
// holds the name of the host, and Via (RFC 9110, 7.6.3) that of the data directory. What it answers
// is one of these:
//
//   - it holds the URL: X-Fromcache-Sha256 is the digest that the bytes must have. A download that
//     broke goes on with the bytes of that digest alone, from any upstream that holds them.
//   - it has it queued or is fetching it (404, Cache-Status): a *WaitError.
//   - it does not hold it (404), which notes the miss there, as a wish of this site.
//   - a loop (508): the request came through a server before, or two servers wait for each other.
//   - anything else, a redirect among it, or no answer. The error is a *PassError: the next one is
//     asked.
//
// Wishes are the misses of this server: they are asked for above, too, and what is held there may
// be approved by itself.
//
// No answer is remembered, but for a moment that an upstream could not be reached, so that a broken
// line does not cost each job the time of a connection.
package upstream
