// Package failure says why an attempt to fetch brought no artifact, for people and in one word for
// counters, and what becomes of its job.
package failure
