// Package rows has what is needed to keep a row of each of a million files in memory, in order: rows
// have numbers, and lie with their owner, who locks.
package rows
