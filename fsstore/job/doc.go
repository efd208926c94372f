// Package job reads and writes the job file: one format in all job directories.
//
// Line 1 is the URL; then the job's own log, a line an event, and option lines wherever a person
// put them:
//
//	https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run
//	2026-11-22T21:27:26Z miss 10.0.0.7 curl/7.88.1
//	2026-11-22T21:31:00Z approve web 10.0.0.2
//	2026-11-22T21:31:00Z start 6211829760 "etag" host 4711
//	2026-11-22T21:31:40Z kept 1048576
//	2026-11-22T21:31:40Z error 503 Service Unavailable, after 2026-11-22T21:33:40Z
//
// A file that holds a URL alone is a valid job, a file of many URLs is a batch. The options are
// sha256, after and accept. An option belongs to the URL above it, or before the first URL to that
// one. Blank lines, lines that begin with "#", and CR are ignored.
//
// Lines are only appended: by the server, by its workers, by verbs, and by people with echo. So a
// crash costs a part of the last line at most. What a line means depends on the lines before it,
// never on the file's times: Due, Attempts, Approved and FetchURL are computed from the log.
//
// Parse reads any bytes and never fails; a line that it can't read is listed with the reason. Line
// writes an event that Parse reads back. Clients choose the tool and the URL of a miss, and Line
// replaces bytes with which they could write a line of another kind. What Line wrote is hostile all
// the same when it is shown: a URL may carry a signature, and must go through key.Redact.
//
// The package is pure: it touches no disk and reads no clock.
package job
