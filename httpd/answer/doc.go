// Package answer holds what the other packages of the cache-host's server share:
// the connections on which they answer, short answers as text, and what an error
// means to a client.
//
// A connection (Conn) moves its own write deadline as its reader takes bytes, so
// that a slow download of 10 GiB goes on and a stalled one is cut off. It lets
// files be sent by sendfile, and takes header fields that were formatted before.
package answer
