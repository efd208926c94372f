// Package api is the operator's side of the cache-host for programs: what the pages show and their
// buttons do, as JSON below /api/v1/, by package operate. One file has what belongs to one
// resource.
//
// /api/openapi.json is made from the Go types of the calls, and the same types check what comes in:
// unknown fields and parameters are refused. Errors are problem details (RFC 9457) whose text says
// what to do. A list is read page by page with a cursor. A call that queues a job waits for its end
// where the client says Prefer: wait=SECONDS (RFC 7240).
//
// Who may call is decided from the header, before any of the body is read: the bearer of a token
// of the data directory, or whom access.Guard takes for an operator.
package api
